"""Every table, figure, verdict, report and README made anew from the raw tables in a temporary folder, and compared
with what is committed.

dvc.lock says only that a result is the one that was recorded. Here the commands of the pipeline themselves run on a
copy of the code and of the raw tables, in which nothing of what they make lies yet; then each file is compared, byte by
byte. Pictures too, where Matplotlib and FreeType are the ones that drew the committed pictures; elsewhere their pixels,
with a margin."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from profiles.paths import ROOT, Paths
from reproduction.pipeline import all_stages, out_paths
from reproduction.verify.disk import Disk, Findings, short
from reproduction.verify.pipeline import how_to_restore, locked_profiles, not_in_git

SOURCES = (
    *("files", "profiles", "kernels", "models", "corpus", "tasks", "sandbox", "evaluation", "analysis", "ladder"),
    *("public_tables", "experiments", "paper", "reproduction", "benchmarks", "params.yaml", "dvc.yaml", "README.md"),
    *("results/public", "figures/public"),  # the paper shows them; verify/public.py makes them anew
)
MADE_BY = ("measure_", "draw@", "verdicts", "report")  # stages that make results of results
COMMANDS = ("reproduction.figures", "benchmarks.readme_tables", "paper.readme")
FREETYPE_VERSION = "2.14.3"  # in Matplotlib's own wheels of the pinned version; the shapes of letters depend on it
PIXEL_MARGIN = (
    0.02  # mean difference over a picture of two versions' lettering, colours from 0 to 1; a moved curve exceeds it
)
SHOWN_ERRORS = 5


def made_files(profile: str) -> list[str]:
    """All files of a profile that are made from its raw tables."""
    stages = all_stages(profile)
    return [out for name, stage in stages.items() if name.startswith(MADE_BY) for out in out_paths(stage)]


def raw_files(profile: str) -> list[str]:
    """Tables of training and measuring, as far as they stand in git: what all the others are made from."""
    stages, absent = all_stages(profile), not_in_git(Paths(profile))
    raw = [out for name, stage in stages.items() if not name.startswith(MADE_BY) for out in out_paths(stage)]
    return [out for out in raw if out not in absent]


def copy_inputs(disk: Disk, folder: Path, profiles: list[str]) -> None:
    """Code, profiles and raw tables into `folder`, without anything that the pipeline makes."""
    for name in SOURCES:
        source = disk.path(name)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)
    for profile in profiles:
        for name in raw_files(profile):
            source, target = disk.path(name), folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy(source, target)
        for name in made_files(profile):
            (folder / name).unlink(missing_ok=True)


def make_anew(folder: Path, findings: Findings) -> None:
    """Run the commands that make everything, with `folder` as the repository. What fails is a mismatch; what did not
    need it is made all the same."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    for command in COMMANDS:
        ran = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if ran.returncode:
            lines = ran.stderr.strip().splitlines()
            told = (
                [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
                or lines[-1:]
                or [f"exit code {ran.returncode}"]
            )
            for line in told[:SHOWN_ERRORS]:
                findings.mismatch(
                    f"made anew by `python -m {command}`: {line.replace(str(folder) + os.sep, '')}; run it here to "
                    "see the whole of it"
                )


def compare_made(disk: Disk, folder: Path, findings: Findings, profiles: list[str]) -> None:
    """Compare what stands in git with what was made in `folder`."""
    by_pixels = not pictures_have_our_bytes()
    if by_pixels:
        findings.notes.append(
            "pictures are compared by pixels: Matplotlib or FreeType is not the version that drew the committed ones"
        )
    for profile in profiles:
        for name in made_files(profile):
            with findings.guard(name, how_to_restore(name)):
                compare_file(disk, folder, findings, name, profile, by_pixels)


def compare_file(disk: Disk, folder: Path, findings: Findings, name: str, profile: str | None, by_pixels: bool) -> None:
    """Note the first place at which a file differs from the one that was made anew."""
    committed, anew = disk.path(name), folder / name
    command = (
        f"make figures PROFILE={profile}"
        if profile
        else "python -m paper.readme` and `python -m benchmarks.readme_tables"
    )
    remedy = f"{how_to_restore(name)}, or, where code or raw tables changed on purpose, `{command}`"
    findings.num_compared += 1
    if not (committed.exists() and anew.exists()):
        if committed.exists() != anew.exists():
            here, there = (
                ("it stands here", "it cannot be made anew")
                if committed.exists()
                else ("nothing here", "it can be made")
            )
            findings.mismatch(f"{name}: {here}, {there}; {remedy}")
        return
    first, second = committed.read_bytes(), anew.read_bytes()
    if first != second and (difference := describe_difference(name, first, second, by_pixels)):
        findings.mismatch(f"{name}: {difference}; {remedy}")


def describe_difference(name: str, committed: bytes, anew: bytes, by_pixels: bool = False) -> str:
    """Where two versions of a file differ first, in words; "" where they are the same picture by the rule for other
    versions of Matplotlib."""
    if name.endswith(".png"):
        return _describe_picture(committed, anew, by_pixels)
    if name.endswith(".pdf"):  # it holds the pictures, so it has their bytes
        return "" if by_pixels else f"{len(committed)} bytes here, {len(anew)} anew, and not the same"
    try:
        first, second = committed.decode("utf-8"), anew.decode("utf-8")
        described = {".csv": _describe_rows, ".json": _describe_entries}.get(Path(name).suffix, _describe_lines)(
            first, second
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return f"damaged ({str(error)[:100]})"
    return described or "the same values, other bytes (line ends, order of keys or blanks)"


def _describe_rows(first: str, second: str) -> str:
    here, anew = (list(csv.reader(io.StringIO(text))) for text in (first, second))
    if not here or here[0] != anew[0]:
        return f"columns {short(here[0] if here else 'none')} here, {short(anew[0])} anew"
    places = [place for place, (one, other) in enumerate(zip(here, anew)) if one != other]
    if len(here) != len(anew):
        places.append(min(len(here), len(anew)))
    if not places:
        return ""
    place = places[0]
    if place >= min(len(here), len(anew)) or len(here[place]) != len(anew[place]):
        return f"{len(here) - 1} rows here, {len(anew) - 1} anew; the first other one is row {place}"
    fields = dict(zip(anew[0], anew[place]))
    about = " ".join(fields[key] for key in ("kind", "task", "metric", "run") if fields.get(key))
    column = next(number for number, (one, other) in enumerate(zip(here[place], anew[place])) if one != other)
    more = f"; {len(places)} rows differ" if len(places) > 1 else ""
    values = f"{short(here[place][column])} here, {short(anew[place][column])} anew"
    return f"row {place} ({about}): column {anew[0][column]}: {values}{more}"


def _describe_entries(first: str, second: str) -> str:
    here, anew = json.loads(first), json.loads(second)
    for place, (one, other) in enumerate(zip(here, anew)):
        if one != other:
            field = next(
                (field for field in dict.fromkeys([*other, *one]) if one.get(field) != other.get(field)),
                "order of the fields",
            )
            values = f"{short(one.get(field))} here, {short(other.get(field))} anew"
            return f"entry {place + 1} ({other.get('id')}): field {field}: {values}"
    return "" if len(here) == len(anew) else f"{len(here)} entries here, {len(anew)} anew"


def _describe_lines(first: str, second: str) -> str:
    here, anew = first.split("\n"), second.split("\n")
    for number, (one, other) in enumerate(zip(here, anew), start=1):
        if one != other:
            start = next((place for place, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            start = max(0, start - 30)
            return f"line {number}: {one[start : start + 80]!r} here, {other[start : start + 80]!r} anew"
    return "" if len(here) == len(anew) else f"{len(here)} lines here, {len(anew)} anew"


def pictures_have_our_bytes() -> bool:
    """Whether Matplotlib is the pinned version, with the FreeType of its wheels: then the same numbers give the same
    bytes."""
    import matplotlib
    from matplotlib import ft2font

    pinned = next((line.split("==")[1].split()[0] for line in _pins() if line.startswith("matplotlib==")), None)
    return matplotlib.__version__ == pinned and ft2font.__freetype_version__ == FREETYPE_VERSION


def _pins() -> list[str]:
    path = ROOT / "constraints.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _describe_picture(committed: bytes, anew: bytes, by_pixels: bool) -> str:
    from matplotlib import image

    try:
        here, there = (
            image.imread(io.BytesIO(content), format="png").astype(np.float64) for content in (committed, anew)
        )
    except (OSError, SyntaxError, ValueError) as error:
        return f"not readable as a picture ({str(error)[:80]})"
    if here.shape != there.shape:
        return f"{here.shape[1]} x {here.shape[0]} pixels here, {there.shape[1]} x {there.shape[0]} anew"
    difference = np.abs(here - there)
    if by_pixels and difference.mean() <= PIXEL_MARGIN:
        return ""
    share = (difference.max(axis=-1) > 0).mean()
    return (
        f"{100 * share:.3g} % of the pixels differ from the picture made anew"
        if share
        else "the same pixels, other bytes"
    )


def check_anew(disk: Disk, findings: Findings, folder: Path) -> None:
    """Make everything anew in an empty folder and compare."""
    profiles = locked_profiles(disk)
    copy_inputs(disk, folder, profiles)
    make_anew(folder, findings)
    compare_made(disk, folder, findings, profiles)
    with findings.guard("README.md", how_to_restore("README.md")):
        compare_file(disk, folder, findings, "README.md", None, False)
