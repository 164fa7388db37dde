"""What `make verify` knows of a profile's pipeline: its stages, its lock as DVC writes one, and what to do about a
mismatch."""

from dataclasses import dataclass
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import MultipleInvalid

from experiments.public.folders import PROFILE as PUBLIC
from profiles.paths import PAPERS, ROOT, Paths
from profiles.profile import read_settings
from reproduction.pipeline import all_stages, out_paths, params_text, pipeline_file
from reproduction.verify.disk import Disk, Findings

POINTER = "data.dvc"
ROOT_PIPELINE = "dvc.yaml"
SCHEMA_VERSION = "2.0"


@dataclass(frozen=True)
class Pipeline:
    """One profile as it lies on a disk. must_be_whole: the default and the headline profiles, which are never run in
    parts.

    may_be_absent: paths that are not in git."""

    profile: str
    must_be_whole: bool
    stages: dict[str, dict]
    file: str
    may_be_absent: frozenset[str]

    @property
    def lock_file(self) -> str:
        """Its lock."""
        return self.file.removesuffix(".yaml") + ".lock"

    @property
    def committed_outs(self) -> list[str]:
        """Its outputs that stand in git."""
        return [out for stage in self.stages.values() for out in out_paths(stage) if out not in self.may_be_absent]


def not_in_git(paths: Paths) -> frozenset[str]:
    """Paths that .gitignore leaves out: they may be absent from a clone."""
    absent = (paths.data, paths.items, *(paths.runs(paper) for paper in PAPERS))
    return frozenset(path.relative_to(paths.root).as_posix() for path in absent)


def profiles_here(disk: Disk) -> list[str]:
    """All committed profiles, in alphabetical order."""
    return sorted(path.stem for path in disk.path("profiles").glob("*.yaml"))


def locked_profiles(disk: Disk) -> list[str]:
    """Profiles whose dvc.lock is there."""
    return [
        profile for profile in profiles_here(disk) if disk.exists(shown(pipeline_file(profile).with_suffix(".lock")))
    ]


def shown(path: Path) -> str:
    """A path of the repository as files name it."""
    return path.relative_to(ROOT).as_posix()


def rerun(profile: str) -> str:
    """What to do about a result that code, params or inputs no longer belong to."""
    return (
        f"run `make reproduce PROFILE={profile}` (or `python -m reproduction.verify --accept {profile}`, where the "
        "golden losses prove a change of code "
        "neutral)"
    )


def how_to_restore(file: str) -> str:
    """What to do about a file that is damaged."""
    return f"restore it with `git checkout -- {file}`"


def check_names(disk: Disk, findings: Findings) -> None:
    """The profiles that params.yaml names have a file, and no results and no pipeline belong to a profile without
    one."""
    params, here = read_settings(disk.path("params.yaml")), profiles_here(disk)
    named = {"profile": params["profile"]} | {
        f"headline.{paper}": profile for paper, profile in params["headline"].items()
    }
    for field, profile in named.items():
        findings.num_compared += 1
        if profile not in here:
            findings.mismatch(
                f"params.yaml: field {field}: there is no profiles/{profile}.yaml; "
                f"{how_to_restore(f'profiles/{profile}.yaml')} or name another"
            )
    for room in ("results", "profiles"):
        for folder in sorted(path for path in disk.path(room).glob("*") if path.is_dir()):
            findings.num_compared += 1
            if folder.name not in (*here, PUBLIC):
                file = f"profiles/{folder.name}.yaml"
                findings.mismatch(
                    f"{room}/{folder.name}: belongs to no profile, there is no {file}; "
                    f"{how_to_restore(file)} or delete the folder"
                )


def open_pipeline(disk: Disk, findings: Findings, profile: str) -> Pipeline:
    """The stages of a profile; its copy of dvc.yaml must be the text at the root."""
    file = shown(pipeline_file(profile))
    is_run = disk.exists(file) or disk.exists(file.replace(".yaml", ".lock"))
    if file != ROOT_PIPELINE and is_run:  # a profile that was never run has no copy
        remedy = f"write it with `python -m reproduction.pipeline --profile {profile}`"
        text = {
            file: disk.path(ROOT_PIPELINE).read_bytes(),
            f"profiles/{profile}/params.yaml": params_text(profile).encode(),
        }
        for copy, expected in text.items():
            findings.num_compared += 1
            if not disk.exists(copy) or disk.path(copy).read_bytes() != expected:
                findings.mismatch(f"{copy}: not what belongs to the dvc.yaml at the root; {remedy}")
    params = read_settings(disk.path("params.yaml"))
    must_be_whole = profile in (params["profile"], *params["headline"].values())
    return Pipeline(profile, must_be_whole, all_stages(profile, disk.root), file, not_in_git(Paths(profile)))


def read_lock(disk: Disk, findings: Findings, file: str) -> dict[str, dict]:
    """The stages of a lock. ValueError in one line where it is empty, damaged or not of DVC's schema."""
    content = disk.yaml(file)
    try:
        COMPILED_LOCKFILE_SCHEMA(content)
    except MultipleInvalid as error:
        raise ValueError(f"not as DVC writes it: {error.errors[0]}") from None
    findings.compare(f"{file}: schema", SCHEMA_VERSION, content["schema"], how_to_restore(file), "what DVC writes")
    return content.get("stages") or {}


def read_pointer(disk: Disk) -> dict:
    """What data.dvc says of data/. ValueError in one line where it is damaged."""
    outs = disk.yaml(POINTER).get("outs")
    if not (
        isinstance(outs, list)
        and len(outs) == 1
        and isinstance(outs[0], dict)
        and outs[0].get("path") == "data"
        and outs[0].get("md5")
    ):
        raise ValueError("field outs: not one entry with path data and its md5")
    if (outs[0].get("hash"), outs[0].get("cache")) != ("md5", False):
        raise ValueError(
            f"fields hash and cache: {outs[0].get('hash')} and {outs[0].get('cache')} here, md5 and false when it "
            "was written"
        )
    return outs[0]
