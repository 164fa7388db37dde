"""Writing dvc.lock after a change of code that alters no result, and for results that were made in parts or on other
machines.

`dvc commit` does the same where every checkpoint lies here, and refuses where they do not.
"""

from collections.abc import Callable
from pathlib import Path

from dvc.repo import Repo

from profiles.paths import ROOT
from reproduction.pipeline import pipeline_file
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.lock import check_profile
from reproduction.verify.pipeline import open_pipeline, read_lock


def accept_code(profile: str, root: Path = ROOT, restamp: Callable[[], None] = lambda: None) -> None:
    """Write today's hashes of code into dvc.lock after a change that alters no result; what is absent keeps its hash.

    restamp: called once the results are known to be those of the lock; writes today's code into the files that name the
    code that made them. ValueError where a result in git is not the one of the lock: make the figures anew first, and
    accept only if they come out as they were."""
    disk, findings = Disk(root), Findings()
    pipeline = open_pipeline(disk, findings, profile)
    lock = read_lock(disk, findings, pipeline.lock_file)
    check_profile(disk, findings, pipeline)
    outs = tuple(f"{out}:" for locked in lock.values() for entry in locked.get("outs", []) for out in (entry["path"],))
    if changed := [
        line for line in findings.mismatches if line.startswith(outs) or ": params " in line or ": outs " in line
    ]:
        raise ValueError(f"not a change of code alone: {changed[0]}")
    restamp()
    with Repo(str(root)) as repo, repo.lock:
        for stage in repo.stage.collect(str(root / pipeline_file(profile).relative_to(ROOT))):
            stage.save_deps(allow_missing=True)
            for out in stage.outs:
                if out.exists:
                    out.save()
            stage.dump(update_pipeline=False)


def accept_results(profile: str, root: Path = ROOT) -> None:
    """Write today's hashes into dvc.lock after a change of how results are derived: code and params of all stages, and
    the outputs of those whose inputs and outputs lie here, made anew by `make figures`. Checkpoints are not needed, so
    what they were measured into must be as it was.

    ValueError where a table that only checkpoints can make is not the one of the lock. Whether the params still stand
    for the recipes of the committed rows, `verify` compares."""
    disk, findings = Disk(root), Findings()
    pipeline = open_pipeline(disk, findings, profile)
    lock = read_lock(disk, findings, pipeline.lock_file)
    check_profile(disk, findings, pipeline)
    with Repo(str(root)) as repo, repo.lock:
        stages = repo.stage.collect(str(root / pipeline_file(profile).relative_to(ROOT)))
        whole = {stage.name for stage in stages if all(entry.exists for entry in [*stage.outs, *stage.deps])}
        measured = tuple(
            f"{entry['path']}:"
            for name, locked in lock.items()
            if name not in whole
            for entry in locked.get("outs", [])
        )
        if changed := [line for line in findings.mismatches if line.startswith(measured)]:
            raise ValueError(f"measured again or changed, not derived anew: {changed[0]}")
        for stage in stages:
            stage.save_deps(allow_missing=True)
            if stage.name in whole:
                stage.save_outs()
            stage.dump(update_pipeline=False)


def record(profile: str, root: Path = ROOT) -> list[str]:
    """Write the dvc.lock of a profile whose results were made in parts or on other machines; the stages recorded.

    Every stage whose outputs all lie here, checkpoints included, is recorded with the bytes of today's code, params and
    inputs: what `dvc repro` would have left. Rows name the recipe that made them, and `verify` compares it. A stage
    with some outputs only is refused: ValueError."""
    with Repo(str(root)) as repo, repo.lock:
        recorded = []
        for stage in repo.stage.collect(str(root / pipeline_file(profile).relative_to(ROOT))):
            absent = [str(out) for out in stage.outs if not out.exists]
            if absent and len(absent) < len(stage.outs):
                raise ValueError(
                    f"{profile}: {stage.name}: {absent[0]} is not here, but other outputs of the stage are; bring "
                    "it, or remove those"
                )
            if not absent:
                stage.save_deps()
                stage.save_outs()
                stage.dump(update_pipeline=False)
                recorded.append(stage.name)
    return recorded
