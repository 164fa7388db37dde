"""The pipeline as files, and the steps of the Makefile that are more than one dvc command.

    python -m reproduction.pipeline write                  write every dvc.yaml from the table of stages
    python -m reproduction.pipeline data [--profile P]     build data/ where it is absent or not what data.dvc pins
    python -m reproduction.pipeline figures [--profile P]  every figure, table and verdict again from committed results

The default profile has the dvc.yaml at the root, so that a bare `dvc repro` runs it; every other profile has
profiles/<profile>/dvc.yaml, whose stages run from the root too. A test compares the committed files with the table.
"""

import argparse
import runpy
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

import yaml

from experiments import experiment_stems
from files.atomic import atomic_write
from ladder.workers.machine import num_cores
from ladder.workers.pool import end_with_parent
from profiles.paths import PINNED_DATA, ROOT, Paths
from profiles.profile import default_profile, load_profile, profile_names, run_command
from reproduction.pipeline_stages import all_stages, tables_read

HEADER = (
    "# Made by `python -m reproduction.pipeline write` from reproduction/pipeline_stages.py; a test compares the two.\n"
)


def pipeline_file(profile: str) -> Path:
    """The dvc.yaml of a profile."""
    return ROOT / "dvc.yaml" if profile == PINNED_DATA else ROOT / "profiles" / profile / "dvc.yaml"


def pipeline_text(profile: str, stages: dict[str, dict] | None = None) -> str:
    """Content of a profile's dvc.yaml; `stages` are those of all_stages where they are at hand."""
    stages = all_stages(profile) if stages is None else stages
    if pipeline_file(profile).parent != ROOT:
        stages = {name: {"wdir": "../.."} | stage for name, stage in stages.items()}
    return HEADER + yaml.safe_dump({"stages": stages}, sort_keys=False, allow_unicode=False, width=160)


def write_pipelines() -> None:
    """Write the dvc.yaml of every profile."""
    for profile in profile_names():
        path = pipeline_file(profile)
        atomic_write(path, pipeline_text(profile).encode())


def dvc(*arguments: str) -> int:
    """Run dvc from the root with its output shown; the exit code."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=ROOT, check=False).returncode


def make_data(profile: str) -> None:
    """Build the default profile's data/ unless it is what data.dvc pins; ValueError where the rebuilt bytes differ.

    Other profiles have a stage for it."""
    load_profile(profile)
    if profile != PINNED_DATA or dvc("status", "--quiet", "data.dvc") == 0:
        return
    subprocess.run([sys.executable, "-m", "corpus", "--profile", profile], cwd=ROOT, check=True)
    if dvc("status", "data.dvc"):
        raise ValueError("dvc could not compare data/ with data.dvc")
    if dvc("status", "--quiet", "data.dvc"):
        raise ValueError(
            "data.dvc: the corpus that was built is not the pinned one, so the code of corpus/ or tasks/ changed; "
            "restore it, or pin anew with `dvc commit -f data.dvc`"
        )


def profiles_with_scores() -> list[str]:
    """Profiles whose results are here; ValueError where there are none."""
    found = [profile for profile in profile_names() if Paths(profile).scores.exists()]
    if not found:
        raise ValueError("results/: no profile has scores yet; run `make reproduce` first")
    return found


def make_figures(profiles: list[str]) -> None:
    """Run measure, plot and verdicts of profiles from their committed scores, as many at once as there are cores."""
    start = time.monotonic()
    stages = {(profile, stem): commands for profile in profiles for stem, commands in _measured_stages(profile).items()}
    # Processes, not threads: matplotlib is not thread-safe. Each imports its libraries once for all its stages. The
    # last ones, those of paper P, come first: they take longest.
    with (
        ProcessPoolExecutor(num_cores(), mp_context=get_context("spawn"), initializer=_begin_worker) as pool,
        _killed_on_ctrl_c(),
    ):
        places = list(reversed(stages))
        failed = [
            place
            for place, worked in zip(places, pool.map(run_commands, [stages[place] for place in places]), strict=True)
            if not worked
        ]
        if failed:
            raise ValueError(
                f"failed: {', '.join(f'{stem} of profile {profile}' for profile, stem in failed)}; see the lines above"
            )
        for profile in profiles:  # one after another: each may write its part of README.md
            commands = all_stages(profile)
            if not pool.submit(run_commands, [commands["verdicts"]["cmd"], commands["report"]["cmd"]]).result():
                raise ValueError(f"failed: verdicts or report of profile {profile}; see the lines above")
    print(f"{len(stages)} figures and tables of {', '.join(profiles)} in {time.monotonic() - start:.0f} s")


def _begin_worker() -> None:
    """Workers end with their parent; Ctrl-C is heard by the parent alone, so that it is answered in one line."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _killed_on_ctrl_c() -> Iterator[None]:
    """Kill the workers on Ctrl-C: a pool would wait for what they have begun. Every file they write is whole or
    absent."""
    try:
        yield
    except KeyboardInterrupt:
        for worker in active_children():
            worker.kill()
        raise


def _measured_stages(profile: str) -> dict[str, list[str]]:
    """Commands of the figures and tables whose inputs are here; the others are named."""
    paths = Paths(profile)
    if not paths.scores.exists():
        raise ValueError(
            f"{paths.scores.relative_to(ROOT)}: no such file; run `make reproduce PROFILE={profile}` first"
        )
    absent = {stem: path for stem in experiment_stems() for path in tables_read(paths, stem) if not path.exists()}
    for stem, path in absent.items():
        print(
            f"{stem}: left as it is, {path.relative_to(ROOT)} is not measured yet; run `make reproduce"
            f" PROFILE={profile}`"
        )
    commands = all_stages(profile)
    return {stem: commands[stem]["cmd"] for stem in experiment_stems() if stem not in absent}


def run_commands(commands: list[str]) -> bool:
    """Run the `python -m module ...` commands of a stage in this process, one after another; False as soon as one
    fails."""
    for command in commands:
        module, *arguments = shlex.split(command)[2:]
        sys.argv = [module, *arguments]
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code:
                return False
        except Exception:  # noqa: BLE001 - one stage that breaks keeps no other from being made
            traceback.print_exc()
            print(f"error: {command}: {' '.join(str(sys.exception()).split())[:200]}", file=sys.stderr)
            return False
    return True


def main(arguments: argparse.Namespace) -> None:
    """Run one subcommand."""
    if arguments.command == "write":
        write_pipelines()
    elif arguments.command == "data":
        make_data(arguments.profile or default_profile())
    else:
        make_figures([arguments.profile] if arguments.profile else profiles_with_scores())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("write", "data", "figures"))
    parser.add_argument(
        "--profile", default=None, help="default: that of params.yaml; for figures, every profile that has scores"
    )
    run_command(main, parser)
