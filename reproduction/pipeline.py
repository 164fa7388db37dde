"""The stages of dvc.yaml as DVC resolves them for a profile.

One text serves every profile: dvc.yaml at the root, and copies of it in profiles/<name>/, each beside a params.yaml
that names the profile. A copy, not a link: links do not survive every file system and archive.

    python -m reproduction.pipeline --profile h200     write, or bring up to date, those two of a profile
"""

import argparse
from functools import cache
from pathlib import Path

import yaml
from dvc.exceptions import DvcException
from dvc.parsing import DataResolver
from dvc.repo import Repo

from experiments import experiment_stems
from files.atomic import atomic_write
from files.text import read_text
from profiles.paths import ROOT
from profiles.profile import add_profile_option, default_profile, load_profile, run_command


def pipeline_file(profile: str, root: Path | None = None) -> Path:
    """The dvc.yaml of a profile."""
    root = root or ROOT
    return root / "dvc.yaml" if profile == default_profile() else root / "profiles" / profile / "dvc.yaml"


def params_text(profile: str) -> str:
    """The params.yaml beside the copy of a profile."""
    by = f"python -m reproduction.pipeline --profile {profile}"
    return f"# Beside a copy of the root's dvc.yaml: `{by}` writes both.\nprofile: {profile}\nroot: ../..\n"


def write_copy(profile: str, root: Path | None = None) -> list[Path]:
    """Write a profile's copy of the pipeline and its params.yaml; nothing for the default profile, which has the text
    itself."""
    load_profile(profile)
    root = root or ROOT
    path = pipeline_file(profile, root)
    if path.parent == root:
        return []
    atomic_write(path, (root / "dvc.yaml").read_bytes())
    atomic_write(path.with_name("params.yaml"), params_text(profile).encode())
    return [path, path.with_name("params.yaml")]


def all_stages(profile: str, root: Path | None = None) -> dict[str, dict]:
    """Every stage of a profile by name, in the order of the text: cmd, deps, params, outs (with metrics and plots),
    paths from the root. ValueError in one line where dvc.yaml is not one that DVC reads."""
    path = (root or ROOT) / "dvc.yaml"
    text = read_text(path, "restore it with git", "stages")
    try:
        return _resolved(text, profile)
    except (yaml.YAMLError, DvcException) as error:
        raise ValueError(f"{path}: not read by DVC ({' '.join(str(error).split())}); restore it with git") from error


@cache
def _resolved(text: str, profile: str) -> dict[str, dict]:
    # As in a copy beside a params.yaml of this profile, whether that was written or not.
    content = yaml.safe_load(text.replace("${profile}", profile).replace("${root}", "."))
    if not isinstance(content, dict):
        raise DvcException("no mapping")
    with Repo(str(ROOT), uninitialized=True) as repo:
        stages = DataResolver(repo, str(ROOT), content).resolve()["stages"]
    return {name: _plain(stage) for name, stage in stages.items()}


def _plain(stage: dict) -> dict:
    """A stage as a lock shows it: all kinds of outputs are outs, and what people alone read is left out."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return {key: stage[key] for key in ("cmd", "deps", "params") if key in stage} | {"outs": outs}


def out_paths(stage: dict) -> list[str]:
    """Paths of the outputs of a stage."""
    return [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", [])]


def figure_stages(profile: str) -> dict[str, tuple[dict, dict]]:
    """The stages that measure and draw each folder, by folder."""
    stages = all_stages(profile)
    measure = {name.split("@")[1]: stage for name, stage in stages.items() if name.startswith("measure_")}
    return {stem: (measure[stem], stages[f"draw@{stem}"]) for stem in experiment_stems()}


def main(arguments: argparse.Namespace) -> None:
    """Write the copy of a profile."""
    for path in write_copy(arguments.profile):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_profile_option(parser)
    run_command(main, parser)
