"""`make figures`: every figure, table and verdict of a profile again from its committed tables, as `dvc repro` would
make them, but at once and without looking at checkpoints.

    python -m reproduction.figures [--profile P]     default: every profile that has results, and the public tables
"""

import argparse
import runpy
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context

from experiments.public.folders import PROFILE, public_stems
from ladder.workers.machine import num_cores
from ladder.workers.pool import end_with_parent
from profiles.paths import ROOT, Paths
from profiles.profile import load_profile, profile_names, run_command
from reproduction.pipeline import all_stages, figure_stages

PUBLIC_VERDICTS = ("python -m paper.public_verdicts", "python -m paper.claims_by_data")
RAW = ("scores.parquet", "pass_rates.parquet", "losses.csv", "runs.csv")  # what only checkpoints can make


def profiles_with_scores() -> list[str]:
    """Profiles whose results are here; ValueError where there are none."""
    found = [profile for profile in profile_names() if Paths(profile).scores.exists()]
    if not found:
        raise ValueError("results/: no profile has scores yet; run `make reproduce` first")
    return found


def make_figures(profiles: list[str], with_public: bool = False) -> None:
    """Run measure, draw, verdicts and report of profiles from their committed tables, as many at once as there are
    cores; with_public: those of the public tables too."""
    start = time.monotonic()
    commands = {(profile, stem): row for profile in profiles for stem, row in _figure_commands(profile).items()}
    if with_public:
        commands |= {(PROFILE, stem): row for stem, row in public_commands().items()}
    # Processes, not threads: matplotlib is not thread-safe. Each imports its libraries once for all its stages. The
    # last ones, those of paper P, come first: they take longest.
    with (
        ProcessPoolExecutor(num_cores(), mp_context=get_context("spawn"), initializer=_begin_worker) as pool,
        _killed_on_ctrl_c(),
    ):
        places = list(reversed(commands))
        failed = [
            place
            for place, worked in zip(places, pool.map(run_commands, [commands[place] for place in places]), strict=True)
            if not worked
        ]
        if failed:
            raise ValueError(
                f"failed: {', '.join(f'{stem} of profile {profile}' for profile, stem in failed)}; see the lines above"
            )
        stages = {profile: all_stages(profile) for profile in profiles}
        # Verdicts first, since the reports set ours beside those on public tables; reports one after another, since
        # each may write its part of README.md.
        verdicts = [stages[profile]["verdicts"]["cmd"] for profile in profiles]
        reports = [stages[profile]["report"]["cmd"] for profile in profiles]
        for what, row in (
            ("verdicts", verdicts),
            ("verdicts on the public tables", list(PUBLIC_VERDICTS) * with_public),
            ("reports", reports),
        ):
            if row and not pool.submit(run_commands, row).result():
                raise ValueError(f"failed: {what}; see the lines above")
    shown = ", ".join([*profiles, *([PROFILE] if with_public else [])])
    print(f"{len(commands)} figures and tables of {shown} in {time.monotonic() - start:.0f} s")


def public_commands() -> dict[str, list[str]]:
    """Measure and draw of each public folder; where its tables are absent, measure keeps the committed results and says
    in one line how to get them."""
    return {
        stem: [f"python -m experiments.public.{stem}.{step}" for step in ("measure", "plot")] for stem in public_stems()
    }


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


def _figure_commands(profile: str) -> dict[str, list[str]]:
    """Commands of the figures and tables whose inputs are here, by folder; the others are named."""
    load_profile(profile)
    paths, commands = Paths(profile), {}
    if not paths.scores.exists():
        shown = paths.scores.relative_to(ROOT)
        raise ValueError(f"{shown}: no such file; run `make reproduce PROFILE={profile}` first")
    for stem, stages in figure_stages(profile).items():
        read = [ROOT / path for stage in stages for path in stage["deps"] if path.endswith(RAW)]
        if absent := [path for path in read if not path.exists()]:
            print(
                f"{stem}: left as it is, {absent[0].relative_to(ROOT)} is not measured yet; run `make reproduce"
                f" PROFILE={profile}`"
            )
        else:
            commands[stem] = [stage["cmd"] for stage in stages]
    return commands


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default=None, help="default: every profile that has results")
    run_command(
        lambda chosen: make_figures(
            [chosen.profile] if chosen.profile else profiles_with_scores(), with_public=not chosen.profile
        ),
        parser,
    )
