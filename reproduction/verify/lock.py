"""Do code, params, data and committed results belong together? Asked of dvc.lock, which says by which bytes each output
was made.

Every profile that must have results has a lock; the lock has exactly the stages, commands, dependencies, params and
outputs of its dvc.yaml, which is the one the code asks for; every dependency and output that lies here has the hash of
the lock; and along every chain, what one stage wrote is what the next one read. Checkpoints, per-item tables and
corpora are not in git: where they are absent the chain of hashes through them is checked, and that is all.

`dvc status` asks the same of one machine that holds everything: it calls every absent checkpoint deleted, stops at the
first damaged lock and names no field. So its hashes, its schema and its rules are used here, and not its report.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from files.tables import read_json
from ladder.data_folder import folder_hash
from profiles.paths import PINNED_DATA, Paths
from profiles.profile import default_profile
from reproduction.pipeline import out_paths, pipeline_file
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.pipeline import (
    POINTER,
    Pipeline,
    check_names,
    how_to_restore,
    open_pipeline,
    profiles_here,
    read_lock,
    read_pointer,
    rerun,
    shown,
)

ENTRY_FIELDS = ("md5", "size", "nfiles")
# What a ladder commits run by run, before its measurements are joined and DVC knows of it.
WHILE_UNDER_WAY = ("data.json", "runs.csv", "scores", "pass_rates", "threshold_pass_rates")


def check_locks(disk: Disk, findings: Findings, profiles: Iterable[str] | None = None) -> None:
    """Check every profile, or those named alone."""
    known: list[str] = []
    with findings.guard("params.yaml", how_to_restore("params.yaml")):
        check_names(disk, findings)
    with findings.guard("params.yaml", how_to_restore("params.yaml")):
        default_profile()
        known = profiles_here(disk) if profiles is None else list(profiles)
    with findings.guard(POINTER, how_to_restore(POINTER)):
        check_pointer(disk, findings)
    for profile in known:  # none where params.yaml cannot be read: which pipeline stands at the root is written there
        file = shown(pipeline_file(profile))
        with findings.guard(file, how_to_restore(file)):
            check_profile(disk, findings, open_pipeline(disk, findings, profile))


def check_pointer(disk: Disk, findings: Findings) -> None:
    """data.dvc pins the data whose files results/<profile>/data.json lists, on which every stage depends."""
    pinned, hashes = read_pointer(disk), Paths(PINNED_DATA, disk.root).data_hashes
    file = disk.name(hashes)
    with findings.guard(file, how_to_restore(file)):
        listed = folder_hash(read_json(hashes, file, "restore it with git"))
        for field in ENTRY_FIELDS:
            findings.compare(f"{POINTER}: {field}", listed[field], pinned.get(field), how_to_restore(POINTER), file)
        if (found := disk.entry("data")) is not None:
            findings.compare(
                "data: md5", listed["md5"], found["md5"], "build it anew with `python -m ladder data`", file
            )


def check_profile(disk: Disk, findings: Findings, pipeline: Pipeline) -> None:
    """The lock of one profile: that it is there where it must be, that it is whole, its fields, its hashes, its
    chains."""
    outs = [out for out in pipeline.committed_outs if disk.exists(out)]
    if not disk.exists(pipeline.lock_file):
        outs = [out for out in outs if Path(out).name not in WHILE_UNDER_WAY]
        if pipeline.must_be_whole or outs:
            why = f"{outs[0]} is here" if outs else "params.yaml shows the results of this profile"
            findings.mismatch(
                f"{pipeline.lock_file}: there is no such file, but {why}; {how_to_restore(pipeline.lock_file)} or "
                f"{rerun(pipeline.profile)}"
            )
        return
    with findings.guard(pipeline.lock_file, how_to_restore(pipeline.lock_file)):
        lock = read_lock(disk, findings, pipeline.lock_file)
        _check_stages(disk, findings, pipeline, lock)
        known = [name for name in pipeline.stages if name in lock]
        for name in known:
            _check_fields(disk, findings, pipeline, name, lock[name])
        _check_hashes(disk, findings, pipeline, {name: lock[name] for name in known})
        _check_chain(disk, findings, pipeline, lock)


def _check_stages(disk: Disk, findings: Findings, pipeline: Pipeline, lock: dict) -> None:
    """The default profile and those of README are run whole. Another one may be measured in parts: a stage without any
    output here is noted."""
    expected = list(pipeline.stages)
    if not pipeline.must_be_whole:
        absent = [
            name
            for name in expected
            if name not in lock and not any(disk.exists(out) for out in out_paths(pipeline.stages[name]))
        ]
        findings.notes += [f"not run yet: {pipeline.profile}: {name}" for name in absent]
        expected = [name for name in expected if name not in absent]
    for name in dict.fromkeys([*expected, *lock]):
        where = f"{pipeline.lock_file}: stage {name}"
        findings.compare(
            where,
            name if name in expected else None,
            name if name in lock else None,
            rerun(pipeline.profile),
            pipeline.file,
        )


def _check_fields(disk: Disk, findings: Findings, pipeline: Pipeline, name: str, locked: dict) -> None:
    stage, where, remedy = pipeline.stages[name], f"{pipeline.lock_file}: stage {name}", rerun(pipeline.profile)
    findings.compare(f"{where}: cmd", stage["cmd"], locked.get("cmd"), remedy, pipeline.file)
    for kind, asked in (("deps", stage.get("deps", [])), ("outs", out_paths(stage))):
        found = [entry["path"] for entry in locked.get(kind, [])]
        for path in dict.fromkeys([*asked, *found]):
            findings.compare(
                f"{where}: {kind} {path}: number of entries",
                asked.count(path),
                found.count(path),
                remedy,
                pipeline.file,
            )
    asked = {file: keys for params in stage.get("params", []) for file, keys in params.items()}
    found = locked.get("params", {})
    for file in dict.fromkeys([*asked, *found]):
        for key in dict.fromkeys([*asked.get(file, []), *found.get(file, {})]):
            what = f"{where}: params {file}: {key}"
            if key not in asked.get(file, []) or key not in found.get(file, {}):
                findings.compare(
                    what,
                    key if key in asked.get(file, []) else None,
                    key if key in found.get(file, {}) else None,
                    remedy,
                    pipeline.file,
                )
                continue
            with findings.guard(what, how_to_restore(file)):
                findings.compare(what, field_of(disk.yaml(file), key), found[file][key], remedy, file)


def field_of(content: dict, key: str) -> object:
    """The value of a dotted key, None where there is none."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _check_hashes(disk: Disk, findings: Findings, pipeline: Pipeline, lock: dict) -> None:
    """Hashes of all that lies here, one line per file whatever the number of stages that read it."""
    records: dict[str, dict[tuple, list[str]]] = {}
    for name, locked in lock.items():
        for kind in ("outs", "deps"):
            for entry in locked.get(kind, []):
                stages = records.setdefault(entry["path"], {}).setdefault(_fields(entry), [])
                stages.append(f"{name} ({kind[:-1]})")
    for path, recorded in records.items():
        found = disk.entry(path)
        if found is None and path in pipeline.may_be_absent:
            continue
        for expected, stages in recorded.items():
            of = f"{pipeline.lock_file}, {_listed(stages)}"
            if found is None or dict(expected).get("md5") != found["md5"]:
                findings.compare(path, dict(expected).get("md5"), found and found["md5"], _remedy(pipeline, path), of)
            else:
                findings.compare(
                    f"{path}: size and number of files", expected, _fields(found), _remedy(pipeline, path), of
                )


def _remedy(pipeline: Pipeline, path: str) -> str:
    is_out = path in pipeline.committed_outs
    return (
        f"{how_to_restore(path)}, or make it anew with `make figures PROFILE={pipeline.profile}`"
        if is_out
        else rerun(pipeline.profile)
    )


def _listed(stages: list[str]) -> str:
    return (
        f"stage {stages[0]}"
        if len(stages) == 1
        else f"{len(stages)} stages: {stages[0]}, {stages[1]}{' ...' if stages[2:] else ''}"
    )


def _fields(entry: Mapping) -> tuple:
    return tuple((field, entry.get(field)) for field in ENTRY_FIELDS)


def _check_chain(disk: Disk, findings: Findings, pipeline: Pipeline, lock: dict) -> None:
    made = {
        entry["path"]: (f"stage {name}", entry) for name, locked in lock.items() for entry in locked.get("outs", [])
    }
    for name, locked in lock.items():
        for entry in locked.get("deps", []):
            if entry["path"] in made:
                maker, written = made[entry["path"]]
                where = f"{pipeline.lock_file}: stage {name}: {entry['path']} as it was read"
                for field in ENTRY_FIELDS:
                    findings.compare(
                        f"{where}: {field}",
                        written.get(field),
                        entry.get(field),
                        rerun(pipeline.profile),
                        f"the outs of {maker}",
                    )
