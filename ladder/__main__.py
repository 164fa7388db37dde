"""Every run of both papers: what is planned, trained and measured.

    python -m ladder plan                          runs by number and name: size, tokens, cost, what is done of them
    python -m ladder data                          the data of the profile, built where absent, compared with data.json
    python -m ladder train loss                    runs of paper L; git's rows where another machine trained
    python -m ladder train passuntil --here        runs of paper P, all of them trained on this machine
    python -m ladder measure scores                also: pass_rates, threshold_pass_rates
    python -m ladder run                           train, and measure each run as soon as it is trained

What is finished is skipped and what was interrupted goes on with the same numbers, so any of these may be stopped and
started again. An array job takes a part: `--index 3 --of 16`, or `--run NAME`; a start without them joins the tables.
One run over several processes or GPUs: `torchrun --nproc-per-node 8 -m ladder train loss --here --name NAME`.
Which to take when, Slurm included: ladder/MACHINES.md.
"""

import argparse
import signal
import sys

from ladder.data_folder import require_data
from ladder.ladder import Ladder, open_ladder
from ladder.overview import print_plan
from ladder.together import train_together
from ladder.work import EXIT_STOPPED, Start, hold, measure_runs, train_runs
from models.execution import is_started_together
from profiles.paths import PAPER_OF, PAPERS, Paths
from profiles.profile import add_profile_option, load_profile, run_command


def chosen_runs(ladder: Ladder, arguments: argparse.Namespace) -> frozenset[str] | None:
    """Names that --run, or --index and --of, choose; None for all. ValueError for a name or number there is not.

    Lineages are dealt out whole, so that no two parts of an array job train the same trunk."""
    if arguments.run is None and arguments.index is None and arguments.of is None:
        return None
    if arguments.run is not None:
        if unknown := [name for name in arguments.run if name not in ladder.runs]:
            raise ValueError(f"--run {unknown[0]}: no such run; `python -m ladder plan` lists them")
        return frozenset(arguments.run)
    if arguments.index is None or arguments.of is None or not 0 <= arguments.index < arguments.of:
        raise ValueError("--index I --of N: give both, with I from 0 to N - 1")
    lineages = list(dict.fromkeys(run.lineage for run in ladder.runs.values()))
    mine = {name for number, name in enumerate(lineages) if number % arguments.of == arguments.index}
    return frozenset(name for name, run in ladder.runs.items() if run.lineage in mine)


def main(arguments: argparse.Namespace) -> int:
    """Run one subcommand."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    profile = load_profile(arguments.profile)
    paths = Paths(profile.name)
    again = " ".join(["python -m ladder", arguments.command, *_words(arguments), "--profile", profile.name])
    if arguments.command == "data":
        with hold(paths):
            print(require_data(paths, anew=arguments.build))
        return 0
    papers = _papers(arguments)
    if not (paths.data / "manifest.json").exists():
        with hold(paths):
            print(require_data(paths), flush=True)
    ladder = open_ladder(profile, paths, papers)
    only = chosen_runs(ladder, arguments)
    if arguments.command == "plan":
        print_plan(ladder, only)
        return 0
    if is_started_together():
        if arguments.command != "train":
            raise ValueError("torchrun is for `ladder train`; start the other commands without it")
        return train_together(ladder, only, arguments.here, arguments.minutes, again)
    lineages = None if only is None else {ladder.runs[name].lineage for name in only}
    try:
        with hold(paths, lineages) as lock:
            start = Start(ladder, lock, again, only, getattr(arguments, "here", False), arguments.minutes)
            return _work(start, arguments)
    except KeyboardInterrupt:
        print(f"stopped after 0 jobs; nothing is lost, go on with `{again}`", file=sys.stderr)
        return EXIT_STOPPED


def _work(start: Start, arguments: argparse.Namespace) -> int:
    if arguments.command == "measure":
        return measure_runs(start, arguments.what)
    with_measuring = [name for name, paper in PAPER_OF.items() if paper in start.ladder.papers]
    return train_runs(start, with_measuring if arguments.command == "run" else ())


def _papers(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.command == "measure":
        return (PAPER_OF[arguments.what],)
    return (arguments.paper,) if getattr(arguments, "paper", None) else PAPERS


def _words(arguments: argparse.Namespace) -> list[str]:
    """The arguments that a second start needs too."""
    words = [word for name in ("paper", "what") if (word := getattr(arguments, name, None))]
    words += ["--here"] if getattr(arguments, "here", False) else []
    for name in arguments.run or ():
        words += ["--run", name]
    return words + (["--index", str(arguments.index), "--of", str(arguments.of)] if arguments.of is not None else [])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    shared = argparse.ArgumentParser(add_help=False)
    add_profile_option(shared)
    shared.add_argument(
        "--run",
        "--name",  # torchrun takes --run for an option of its own
        action="append",
        metavar="NAME",
        help="this run alone; may be given again (--name under torchrun)",
    )
    shared.add_argument("--index", type=int, metavar="I", help="with --of: the part of an array job, from 0")
    shared.add_argument("--of", type=int, metavar="N", help="number of parts of the array job")
    shared.add_argument("--minutes", type=float, default=None, help="stop after so many minutes; a later start goes on")
    out = argparse.ArgumentParser(
        prog="python -m ladder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = out.add_subparsers(dest="command", required=True)
    for command in ("plan", "train", "run"):
        one = commands.add_parser(command, parents=[shared])
        one.add_argument("paper", choices=PAPERS, nargs=None if command == "train" else "?")
        if command != "plan":
            one.add_argument("--here", action="store_true", help="train also what another machine trained")
    commands.add_parser("measure", parents=[shared]).add_argument("what", choices=tuple(PAPER_OF))
    data = commands.add_parser("data", parents=[shared])
    data.add_argument("--build", action="store_true", help="build the data anew and write data.json, whatever is there")
    return out


if __name__ == "__main__":
    run_command(main, parser())
