"""Are the committed results of the public tables what code and tables make?

The lock of experiments/public/dvc.yaml holds a hash of every result and picture, and of the code that made them. Each
picture is drawn again from its results, and every claim judged again; where the public tables are here (public_data/ or
PUBLIC_DATA), each result is measured again too, and a note says where they are not.
"""

import importlib
import shutil
from pathlib import Path

from experiments.public.folders import PROFILE, public_stems
from experiments.public.stage import measured_public
from experiments.style.stage import plot_stage
from files.atomic import atomic_write
from paper.claims_by_data import write_claims_by_data
from paper.public_verdicts import public_verdicts, verdicts_bytes
from profiles.paths import Paths
from public_tables.table import HOW, absent_tables
from reproduction.verify.anew import describe_difference, pictures_have_our_bytes
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.pipeline import how_to_restore, read_lock

LOCK = "experiments/public/dvc.lock"
REDO = "or, where code changed on purpose, run `dvc repro experiments/public/dvc.yaml`"


def check_public_lock(disk: Disk, findings: Findings) -> None:
    """Every committed result and picture, and all code that made it, has the hash of the lock; no folder lacks an
    entry."""
    with findings.guard(LOCK, how_to_restore(LOCK)):
        stages = read_lock(disk, findings, LOCK)
        expected = {f"{step}@{stem}" for stem in public_stems() for step in ("measure", "draw")} | {"verdicts"}
        findings.compare(f"{LOCK}: stages", sorted(expected), sorted(stages), REDO.removeprefix("or, "), "the folders")
        for name, stage in stages.items():
            for entry in (*stage.get("deps", []), *stage.get("outs", [])):
                found = disk.entry(entry["path"]) or {}
                remedy = f"{how_to_restore(entry['path'])}, {REDO}"
                findings.compare(f"{entry['path']} ({name})", entry["md5"], found.get("md5"), remedy, LOCK)


def check_public_anew(disk: Disk, findings: Findings, folder: Path) -> None:
    """Draw every picture again and, where the tables are here, measure every result again, in an empty `folder`."""
    by_pixels = not pictures_have_our_bytes()
    for stem in public_stems():
        here, there = Paths(PROFILE, disk.root), Paths(PROFILE, folder)
        with findings.guard(f"results/{PROFILE}/{stem}.csv", how_to_restore(f"results/{PROFILE}/{stem}.csv")):
            compared = [*_drawn(stem, here, there), *_measured(stem, here, there, findings)]
            for path, anew in compared:
                findings.num_compared += 1
                name, first, second = disk.name(path), path.read_bytes(), anew.read_bytes()
                if first != second and (said := describe_difference(name, first, second, by_pixels)):
                    findings.mismatch(f"{name}: {said}; {how_to_restore(name)}, {REDO}")


def check_public_verdicts(disk: Disk, findings: Findings, folder: Path) -> None:
    """Judge the committed results again, and set them beside our ladder's verdicts again, in an empty `folder`."""
    here, there = Paths(PROFILE, disk.root), Paths(PROFILE, folder)
    with findings.guard(f"results/{PROFILE}/verdicts.json", how_to_restore(f"results/{PROFILE}/verdicts.json")):
        there.results.mkdir(parents=True, exist_ok=True)
        atomic_write(there.verdicts, verdicts_bytes(public_verdicts(here)))
        claims_by_data = write_claims_by_data(there, disk.root)
        for path in (there.verdicts, *claims_by_data):
            name = str(path.relative_to(folder))
            findings.num_compared += 1
            if not (disk.root / name).exists() or (disk.root / name).read_bytes() != path.read_bytes():
                findings.mismatch(f"{name}: not what the committed results give; run `make figures`")


def _drawn(stem: str, here: Paths, there: Paths) -> list[tuple[Path, Path]]:
    there.results.mkdir(parents=True, exist_ok=True)
    shutil.copy(here.results_csv(stem), there.results_csv(stem))
    module = importlib.import_module(f"experiments.public.{stem}.plot")
    made = plot_stage(there, stem, module.draw, getattr(module, "table", None))
    return [(here.figures / path.name, path) for path in made]


def _measured(stem: str, here: Paths, there: Paths, findings: Findings) -> list[tuple[Path, Path]]:
    module = importlib.import_module(f"experiments.public.{stem}.measure")
    if absent := absent_tables(module.SOURCES):
        findings.notes.append(f"{stem}: not measured again, {', '.join(absent)} is not here; get it by {HOW}")
        return []
    measured_public(there, stem, module.SOURCES, module.measure)
    return [(here.results_csv(stem), there.results_csv(stem))]
