"""`make verify`: do code, params, data and committed results belong together? Nothing is run; exit 1 names each mismatch.

dvc.lock says by which bytes of code, params and inputs each output was made. For every profile with a dvc.lock, three
things must hold: the pipeline file is the one the code asks for; every dependency and output that lies here has the hash
that stands in the lock; and along every chain, what one stage wrote is what the next one read. Checkpoints, per-item
tables and corpora are not in git: where they are absent, the chain of hashes through them is checked and that is all.
Profiles other than the default one may be measured in parts: `--record` writes their lock, and stages without output are told.

Hashes are DVC's: md5 of a file's bytes; of a folder, md5 of the json list of its files' md5 and relative paths, sorted
by path, with the suffix .dir (compared with DVC itself in the tests).
"""

import argparse
import fnmatch
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from experiments.pipeline import make_figures, pipeline_file, pipeline_text
from experiments.profiles import ROOT, Paths, profile_names, run_command

SHOWN_DIGITS = 8


def hash_file(path: Path) -> str:
    """md5 of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def ignored_names(root: Path) -> list[str]:
    """Patterns of .dvcignore; ours are names without slashes, which hold at any depth."""
    lines = (root / ".dvcignore").read_text(encoding="utf-8").splitlines() if (root / ".dvcignore").exists() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def hash_path(path: Path, ignored: list[str]) -> str:
    """DVC's hash of a file or folder."""
    if not path.is_dir():
        return hash_file(path)
    entries = []
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = [name for name in subfolders if not _matches(name, ignored)]
        entries += [Path(folder) / name for name in files if not _matches(name, ignored)]
    listing = sorted(({"md5": hash_file(entry), "relpath": entry.relative_to(path).as_posix()} for entry in entries), key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


@dataclass
class Checker:
    """Collects mismatches, one line each. `hashes` holds what lies on disk (None where absent), each hashed once."""

    root: Path = ROOT
    mismatches: list[str] = field(default_factory=list)
    num_compared: int = 0
    not_run: list[str] = field(default_factory=list)
    hashes: dict[str, str | None] = field(default_factory=dict)

    def hash_of(self, name: str) -> str | None:
        """Hash of a path relative to the root, None where there is nothing."""
        if name not in self.hashes:
            path = self.root / name
            self.hashes[name] = hash_path(path, ignored_names(self.root)) if path.exists() else None
        return self.hashes[name]

    def compare(self, what: str, expected: object, found: object, mend: str) -> None:
        """Note a mismatch where the two differ."""
        self.num_compared += 1
        if expected != found:
            self.mismatches.append(f"{what}: {_short(found)} here, {_short(expected)} in the record; {mend}")

    def check_profile(self, profile: str) -> None:
        """All stages of one profile that has a dvc.lock, its chain, and its tables."""
        paths, file = Paths(profile, self.root), self.root / pipeline_file(profile).relative_to(ROOT)
        stages = yaml.safe_load(file.read_text(encoding="utf-8"))["stages"]
        lock = yaml.safe_load(file.with_suffix(".lock").read_text(encoding="utf-8")).get("stages", {})
        self._check_stages(profile, stages, lock)
        for name in stages.keys() & lock.keys():
            self._check_stage(profile, name, stages[name], lock[name], self._absent_allowed(paths))
        self._check_chain(profile, lock)
        self._check_tables(paths)

    def _check_stages(self, profile: str, stages: dict, lock: dict) -> None:
        """The default profile is run whole. Another one may be measured in parts: a stage without any output here is told, not held against it."""
        missing = {name for name in stages.keys() - lock.keys() if not any((self.root / out).exists() for out in out_paths(stages[name]))}
        if not Paths(profile, self.root).is_default:
            self.not_run += [f"{profile}: {name}" for name in stages if name in missing]
            stages = {name: stage for name, stage in stages.items() if name not in missing}
        self.compare(f"{profile}: stages", sorted(lock), sorted(stages), f"run `make reproduce PROFILE={profile}`")

    @staticmethod
    def _absent_allowed(paths: Paths) -> set[str]:
        return {path.relative_to(paths.root).as_posix() for path in (paths.data, paths.runs, paths.items, paths.series)}

    def _check_stage(self, profile: str, name: str, stage: dict, locked: dict, absent_allowed: set[str]) -> None:
        rerun = (
            f"run `make reproduce PROFILE={profile}` (or `python -m experiments.verify --accept {profile}`, where the golden losses "
            "prove a change of code neutral)"
        )
        self.compare(f"{profile}: {name}: cmd", locked.get("cmd"), stage["cmd"], rerun)
        self.compare(f"{profile}: {name}: deps", sorted(dep["path"] for dep in locked.get("deps", [])), sorted(stage.get("deps", [])), rerun)
        for file, values in locked.get("params", {}).items():
            now = yaml.safe_load((self.root / file).read_text(encoding="utf-8"))
            for key, value in values.items():
                self.compare(f"{profile}: {name}: params {file}:{key}", value, _field(now, key), rerun)
        for kind in ("deps", "outs"):
            for entry in locked.get(kind, []):
                found = self.hash_of(entry["path"])
                if found is not None or entry["path"] not in absent_allowed:
                    self.compare(f"{profile}: {name}: {kind[:-1]} {entry['path']}", entry["md5"], found, rerun)

    def _check_chain(self, profile: str, lock: dict) -> None:
        made = {entry["path"]: (name, entry["md5"]) for name, locked in lock.items() for entry in locked.get("outs", [])}
        pointer = self.root / "data.dvc"
        if pointer.exists():
            made |= {entry["path"]: ("data.dvc", entry["md5"]) for entry in yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"]}
        for name, locked in lock.items():
            for entry in locked.get("deps", []):
                if entry["path"] in made:
                    maker, md5 = made[entry["path"]]
                    self.compare(
                        f"{profile}: {name}: {entry['path']} as it was read, against {maker}", md5, entry["md5"], f"run `make reproduce PROFILE={profile}`"
                    )

    def _check_tables(self, paths: Paths) -> None:
        """Every run with scores or pass rates stands in its table of runs, with the same recipe."""
        pairs = ((paths.scores, paths.runs_table), (paths.pass_rates, paths.series_table), (paths.threshold_pass_rates, paths.runs_table))
        for table, runs_table in pairs:
            if not (table.exists() and runs_table.exists()):
                continue  # named as absent outputs already
            measured = pd.read_parquet(table, columns=["run", "recipe_hash"]).drop_duplicates()
            runs = pd.read_csv(runs_table, dtype=str).set_index("run")["recipe_hash"].to_dict()
            for run, recipe in zip(measured["run"], measured["recipe_hash"], strict=True):
                what = f"{paths.profile}: recipe of {run} in {table.name}, against {runs_table.name}"
                self.compare(what, runs.get(run), recipe, f"run `make reproduce PROFILE={paths.profile}`")


def _field(content: dict, key: str) -> object:
    """The value of a dotted key, None where there is none."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text[:SHOWN_DIGITS] if len(text) in (32, 36) and " " not in text else text if len(text) < 100 else text[:97] + "..."


def out_paths(stage: dict) -> list[str]:
    """Paths of the outputs of a stage of a dvc.yaml."""
    return [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", [])]


def locked_profiles(root: Path) -> Iterator[str]:
    """Profiles whose dvc.lock is there."""
    for profile in profile_names():
        if (root / pipeline_file(profile).relative_to(ROOT)).with_suffix(".lock").exists():
            yield profile


def verify(root: Path = ROOT) -> Checker:
    """Check every profile that has results."""
    checker = Checker(root)
    for profile in profile_names():
        file = root / pipeline_file(profile).relative_to(ROOT)
        checker.compare(
            f"{profile}: pipeline file {file.relative_to(root)}",
            _md5(pipeline_text(profile)),
            _md5(file.read_text(encoding="utf-8")) if file.exists() else None,
            "the code asks for another one: write it with `python -m experiments.pipeline write`",
        )
    profiles = list(locked_profiles(root))
    if not profiles:
        checker.mismatches.append("dvc.lock: there are no results yet; run `make reproduce`")
    for profile in profiles:
        checker.check_profile(profile)
    return checker


def accept_code(profile: str, root: Path = ROOT) -> None:
    """Write today's hashes of code into dvc.lock after a change that alters no result; what is absent keeps its hash.

    `dvc commit` does the same where checkpoints lie, and refuses where they do not. ValueError where a result in git is not the
    one of the lock: make the figures anew first, and accept only if they come out as they were."""
    from dvc.repo import Repo

    checker = Checker(root)
    checker.check_profile(profile)
    if changed := [line for line in checker.mismatches if ": out " in line or ": params " in line]:
        raise ValueError(f"not a change of code alone: {changed[0]}")
    with Repo(str(root)) as repo, repo.lock:
        for stage in repo.stage.collect(str(root / pipeline_file(profile).relative_to(ROOT))):
            stage.save_deps(allow_missing=True)
            stage.dump(update_pipeline=False)


def record(profile: str, root: Path = ROOT) -> list[str]:
    """Write the dvc.lock of a profile whose results were made in parts or on other machines; the stages recorded.

    Every stage whose outputs all lie here, checkpoints included, is recorded with the bytes of today's code, params and inputs: what `dvc repro` would have
    left. Rows name the recipe that made them, and `verify` compares it. A stage with some outputs only is refused: ValueError."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo, repo.lock:
        recorded = []
        for stage in repo.stage.collect(str(root / pipeline_file(profile).relative_to(ROOT))):
            absent = [str(out) for out in stage.outs if not out.exists]
            if absent and len(absent) < len(stage.outs):
                raise ValueError(f"{profile}: {stage.name}: {absent[0]} is not here, but other outputs of the stage are; bring it, or remove those")
            if not absent:
                stage.save_deps()
                stage.save_outs()
                stage.dump(update_pipeline=False)
                recorded.append(stage.name)
    return recorded


def main(arguments: argparse.Namespace) -> int:
    """Print what was found; exit code 1 where something does not belong together."""
    start = time.monotonic()
    if arguments.record:
        make_figures([arguments.record])
        print(f"recorded: {', '.join(record(arguments.record))}")
    if arguments.accept:
        make_figures([arguments.accept])
        accept_code(arguments.accept)
    checker = verify()
    for line in checker.mismatches:
        print(f"mismatch: {line}")
    profiles = ", ".join(locked_profiles(ROOT)) or "none"
    if checker.not_run:
        print(f"not run yet: {', '.join(checker.not_run)}")
    print(f"profiles with results: {profiles}; {checker.num_compared} comparisons, {len(checker.mismatches)} mismatches, {time.monotonic() - start:.1f} s")
    return 1 if checker.mismatches else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--accept",
        metavar="PROFILE",
        help="after a change of code that the golden losses prove neutral: make the figures anew, and where they come out the "
        "same, write today's hashes of code into the profile's dvc.lock",
    )
    parser.add_argument(
        "--record",
        metavar="PROFILE",
        help="write the dvc.lock of a profile whose runs were made in parts or on other machines and brought here, checkpoints included",
    )
    run_command(main, parser)
