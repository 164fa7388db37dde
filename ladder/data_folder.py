"""The data folder of a profile: built where it is absent, and compared with data.json, which git keeps of it."""

import hashlib
import json
from pathlib import Path

from files.atomic import atomic_write
from files.tables import read_json
from ladder.ladder import data_of, sources_of
from profiles.paths import PAPERS, Paths
from profiles.profile import data_plan, load_profile
from tasks.build import build

SHOWN_FILES = 3


def require_data(paths: Paths, anew: bool = False) -> str:
    """Build the data where they are not there or not finished, then compare every file with
    results/<profile>/data.json, or write that where there is none. anew: build and write in any case. One line about
    it; ValueError in one line where a file is another than git's."""
    said = "already there"
    if anew or not (paths.data / "manifest.json").exists():
        print(f"building {paths.data.relative_to(paths.root)}", flush=True)
        build(**data_plan(paths.profile) | {"out": paths.data})
        said = "built"
    here = file_hashes(paths.data) | live_stream_hashes(paths)
    shown = paths.data_hashes.relative_to(paths.root)
    if anew or not paths.data_hashes.exists():
        atomic_write(paths.data_hashes, (json.dumps(here, indent=0) + "\n").encode())
        return f"{paths.data.relative_to(paths.root)}: {said}, {len(here)} files; their hashes stand in {shown}"
    kept = read_json(paths.data_hashes, str(shown), "restore it from git")
    if others := sorted(name for name in here.keys() | kept.keys() if here.get(name) != kept.get(name)):
        names = ", ".join(others[:SHOWN_FILES]) + (" ..." if others[SHOWN_FILES:] else "")
        raise ValueError(
            f"{paths.data.relative_to(paths.root)}: {len(others)} files are not those of {shown} ({names}): corpus/,"
            f" tasks/ or the profile changed, or they are damaged; delete the folder to build it anew, and {shown} too"
            " where the change is meant"
        )
    return f"{paths.data.relative_to(paths.root)}: {said}, {len(here)} files as in {shown}"


def file_hashes(folder: Path) -> dict[str, dict]:
    """md5 (as DVC takes it, so that data.dvc can be compared without the data) and size of every file, by its path from
    the folder, in alphabetical order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): {"md5": _md5(path), "size": path.stat().st_size} for path in files}


def folder_hash(files: dict[str, dict]) -> dict[str, object]:
    """What a .dvc file says of a folder with these files: md5 of DVC's listing, size, number of files."""
    listing = [{"md5": about["md5"], "relpath": name} for name, about in sorted(files.items()) if "md5" in about]
    digest = hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    size = sum(about["size"] for about in files.values() if "md5" in about)
    return {"md5": f"{digest}.dir", "size": size, "nfiles": len(listing)}


def live_stream_hashes(paths: Paths) -> dict[str, dict]:
    """Hash of the beginning of every stream that no file holds: what says that its generator has changed."""
    profile, hashes = load_profile(paths.profile), {}
    for paper in PAPERS:
        seeds = (
            profile.passuntil.seeds if paper == "passuntil" else [*profile.long_runs.seeds, *profile.small_runs.seeds]
        )
        for source in sources_of(profile, paper):
            data = data_of(profile, paths, paper, source)
            for seed in sorted({*seeds}):
                if not (data.streams / f"train_{seed}.bin").exists():
                    name = paper if data.streams == paths.data else f"{paper}/{source}"
                    hashes[f"stream {name}, seed {seed}"] = {"first_chunk": data.stream_hash(seed)}
    return hashes


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
