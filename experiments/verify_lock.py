"""Do code, params, data and committed results belong together? Asked of dvc.lock, which says by which bytes each output was made.

Every profile that must have results has a lock; the lock has exactly the stages, commands, dependencies, params and
outputs of its dvc.yaml, which is the one the code asks for; every dependency and output that lies here has the hash of
the lock; and along every chain, what one stage wrote is what the next one read. Checkpoints, per-item tables and corpora
are not in git: where they are absent the chain of hashes through them is checked, and that is all.

`dvc status` asks the same of one machine that holds everything: it calls every absent checkpoint deleted, stops at the
first damaged lock and names no field. So its hashes, its schema and its rules are used here, and not its report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import MultipleInvalid

from experiments.pipeline import pipeline_file, pipeline_text
from experiments.pipeline_stages import all_stages
from experiments.profiles import ROOT, Paths, default_profile, read_yaml
from experiments.verify_disk import Disk, Findings

POINTER = "data.dvc"
SCHEMA_VERSION = "2.0"
ENTRY_FIELDS = ("md5", "size", "nfiles")


@dataclass(frozen=True)
class Pipeline:
    """One profile as it lies on a disk. must_be_whole: the default and the headline profiles, which are never run in parts.

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
    return frozenset(path.relative_to(paths.root).as_posix() for path in (paths.data, paths.runs, paths.items, paths.series))


def out_paths(stage: Mapping) -> list[str]:
    """Paths of the outputs of a stage of a dvc.yaml."""
    return [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", [])]


def profiles_here(disk: Disk) -> list[str]:
    """All committed profiles, in alphabetical order."""
    return sorted(path.stem for path in disk.path("profiles").glob("*.yaml"))


def locked_profiles(disk: Disk) -> list[str]:
    """Profiles whose dvc.lock is there."""
    return [profile for profile in profiles_here(disk) if disk.exists(_shown(pipeline_file(profile).with_suffix(".lock")))]


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def rerun(profile: str) -> str:
    """What to do about a result that code, params or inputs no longer belong to."""
    return (
        f"run `make reproduce PROFILE={profile}` (or `python -m experiments.verify --accept {profile}`, where the golden losses prove a change of code "
        "neutral)"
    )


def restore(file: str) -> str:
    """What to do about a file that is damaged."""
    return f"restore it with `git checkout -- {file}`"


def check_locks(disk: Disk, findings: Findings, profiles: Iterable[str] | None = None) -> None:
    """Check every profile, or those named alone."""
    known: list[str] = []
    with findings.guard("params.yaml", restore("params.yaml")):
        check_names(disk, findings)
    with findings.guard("params.yaml", restore("params.yaml")):
        default_profile()
        known = profiles_here(disk) if profiles is None else list(profiles)
    for profile in known:  # none where params.yaml cannot be read: which pipeline stands at the root is written there
        file = _shown(pipeline_file(profile))
        with findings.guard(file, f"write it with `python -m experiments.pipeline write`, then {restore(file)} where the code is right"):
            check_profile(disk, findings, open_pipeline(disk, findings, profile))


def check_names(disk: Disk, findings: Findings) -> None:
    """The profiles that params.yaml names have a file, and no results and no pipeline belong to a profile without one."""
    params, here = read_yaml(disk.path("params.yaml")), profiles_here(disk)
    named = {"profile": params["profile"]} | {f"headline.{paper}": profile for paper, profile in params["headline"].items()}
    for field, profile in named.items():
        findings.num_compared += 1
        if profile not in here:
            findings.mismatch(f"params.yaml: field {field}: there is no profiles/{profile}.yaml; {restore(f'profiles/{profile}.yaml')} or name another")
    for room in ("results", "profiles"):
        for folder in sorted(path for path in disk.path(room).glob("*") if path.is_dir()):
            findings.num_compared += 1
            if folder.name not in here:
                file = f"profiles/{folder.name}.yaml"
                findings.mismatch(f"{room}/{folder.name}: belongs to no profile, there is no {file}; {restore(file)} or delete the folder")


def open_pipeline(disk: Disk, findings: Findings, profile: str) -> Pipeline:
    """The stages of a profile's dvc.yaml; those of the code where the file is not what the code asks for."""
    file = _shown(pipeline_file(profile))
    path, stages = disk.path(file), all_stages(profile)
    asked = pipeline_text(profile, stages)
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    findings.num_compared += 1
    if text is None:
        findings.mismatch(f"{file}: there is no such file; write it with `python -m experiments.pipeline write`")
    elif text != asked:
        lines = zip([*text.split("\n"), ""], [*asked.split("\n"), ""])
        line, (found, expected) = next((number, pair) for number, pair in enumerate(lines, start=1) if pair[0] != pair[1])
        findings.mismatch(
            f"{file}: line {line}: {found.strip()!r} here, {expected.strip()!r} by experiments/pipeline_stages.py; "
            "write it with `python -m experiments.pipeline write`"
        )
    params = read_yaml(disk.path("params.yaml"))
    must_be_whole = profile in (params["profile"], *params["headline"].values())
    return Pipeline(profile, must_be_whole, stages, file, not_in_git(Paths(profile)))


def check_profile(disk: Disk, findings: Findings, pipeline: Pipeline) -> None:
    """The lock of one profile: that it is there where it must be, that it is whole, its fields, its hashes, its chains."""
    outs = [out for out in pipeline.committed_outs if disk.exists(out)]
    if not disk.exists(pipeline.lock_file):
        if pipeline.must_be_whole or outs:
            why = f"{outs[0]} is here" if outs else "params.yaml shows the results of this profile"
            findings.mismatch(f"{pipeline.lock_file}: there is no such file, but {why}; {restore(pipeline.lock_file)} or {rerun(pipeline.profile)}")
        return
    with findings.guard(pipeline.lock_file, restore(pipeline.lock_file)):
        lock = read_lock(disk, findings, pipeline.lock_file)
        _check_stages(disk, findings, pipeline, lock)
        known = [name for name in pipeline.stages if name in lock]
        for name in known:
            _check_fields(disk, findings, pipeline, name, lock[name])
        _check_hashes(disk, findings, pipeline, {name: lock[name] for name in known})
        _check_chain(disk, findings, pipeline, lock)


def read_lock(disk: Disk, findings: Findings, file: str) -> dict[str, dict]:
    """The stages of a lock. ValueError in one line where it is empty, damaged or not of DVC's schema."""
    content = disk.yaml(file)
    try:
        COMPILED_LOCKFILE_SCHEMA(content)
    except MultipleInvalid as error:
        raise ValueError(f"not as DVC writes it: {error.errors[0]}") from None
    findings.compare(f"{file}: schema", SCHEMA_VERSION, content["schema"], restore(file), "what DVC writes")
    return content.get("stages") or {}


def _check_stages(disk: Disk, findings: Findings, pipeline: Pipeline, lock: dict) -> None:
    """The default profile and those of README are run whole. Another one may be measured in parts: a stage without any output here is noted."""
    expected = list(pipeline.stages)
    if not pipeline.must_be_whole:
        absent = [name for name in expected if name not in lock and not any(disk.exists(out) for out in out_paths(pipeline.stages[name]))]
        findings.notes += [f"not run yet: {pipeline.profile}: {name}" for name in absent]
        expected = [name for name in expected if name not in absent]
    for name in dict.fromkeys([*expected, *lock]):
        where = f"{pipeline.lock_file}: stage {name}"
        findings.compare(where, name if name in expected else None, name if name in lock else None, rerun(pipeline.profile), pipeline.file)


def _check_fields(disk: Disk, findings: Findings, pipeline: Pipeline, name: str, locked: dict) -> None:
    stage, where, remedy = pipeline.stages[name], f"{pipeline.lock_file}: stage {name}", rerun(pipeline.profile)
    findings.compare(f"{where}: cmd", stage["cmd"], locked.get("cmd"), remedy, pipeline.file)
    for kind, asked in (("deps", stage.get("deps", [])), ("outs", out_paths(stage))):
        found = [entry["path"] for entry in locked.get(kind, [])]
        for path in dict.fromkeys([*asked, *found]):
            findings.compare(f"{where}: {kind} {path}: number of entries", asked.count(path), found.count(path), remedy, pipeline.file)
    asked = {file: keys for params in stage.get("params", []) for file, keys in params.items()}
    found = locked.get("params", {})
    for file in dict.fromkeys([*asked, *found]):
        for key in dict.fromkeys([*asked.get(file, []), *found.get(file, {})]):
            what = f"{where}: params {file}: {key}"
            if key not in asked.get(file, []) or key not in found.get(file, {}):
                findings.compare(what, key if key in asked.get(file, []) else None, key if key in found.get(file, {}) else None, remedy, pipeline.file)
                continue
            with findings.guard(what, restore(file)):
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
                findings.compare(f"{path}: size and number of files", expected, _fields(found), _remedy(pipeline, path), of)


def _remedy(pipeline: Pipeline, path: str) -> str:
    is_out = path in pipeline.committed_outs
    return f"{restore(path)}, or make it anew with `make figures PROFILE={pipeline.profile}`" if is_out else rerun(pipeline.profile)


def _listed(stages: list[str]) -> str:
    return f"stage {stages[0]}" if len(stages) == 1 else f"{len(stages)} stages: {stages[0]}, {stages[1]}{' ...' if stages[2:] else ''}"


def _fields(entry: Mapping) -> tuple:
    return tuple((field, entry.get(field)) for field in ENTRY_FIELDS)


def _check_chain(disk: Disk, findings: Findings, pipeline: Pipeline, lock: dict) -> None:
    made = {entry["path"]: (f"stage {name}", entry) for name, locked in lock.items() for entry in locked.get("outs", [])}
    if any(entry["path"] == "data" for locked in lock.values() for entry in locked.get("deps", [])):
        with findings.guard(POINTER, restore(POINTER)):
            made["data"] = (POINTER, read_pointer(disk))
    for name, locked in lock.items():
        for entry in locked.get("deps", []):
            if entry["path"] in made:
                maker, written = made[entry["path"]]
                where = f"{pipeline.lock_file}: stage {name}: {entry['path']} as it was read"
                for field in ENTRY_FIELDS:
                    findings.compare(f"{where}: {field}", written.get(field), entry.get(field), rerun(pipeline.profile), f"the outs of {maker}")


def read_pointer(disk: Disk) -> dict:
    """What data.dvc says of data/. ValueError in one line where it is damaged."""
    outs = disk.yaml(POINTER).get("outs")
    if not (isinstance(outs, list) and len(outs) == 1 and isinstance(outs[0], dict) and outs[0].get("path") == "data" and outs[0].get("md5")):
        raise ValueError("field outs: not one entry with path data and its md5")
    if (outs[0].get("hash"), outs[0].get("cache")) != ("md5", False):
        raise ValueError(f"fields hash and cache: {outs[0].get('hash')} and {outs[0].get('cache')} here, md5 and false when it was written")
    return outs[0]


