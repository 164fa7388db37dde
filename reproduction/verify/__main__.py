"""`make verify`: is what is committed what the code makes? Exit code 1 and one line per mismatch, naming file, row or
field and the remedy.

    python -m reproduction.verify                    about two minutes on two cores
    python -m reproduction.verify --quick            seconds: nothing is made anew
    python -m reproduction.verify --retrain RUN      train one committed run again too; RUN 1 chooses one at random

Three questions, and a fourth on demand: do the locks belong to code, params, data and results
(reproduction/verify/lock.py); are the raw tables those of the runs they name (reproduction/verify/tables.py); do all
tables, figures, verdicts, the report and README come out the same when they are made anew
(reproduction/verify/anew.py); does a training end in the committed weights (reproduction/verify/retrain.py)? The
results of public tables are asked the same (reproduction/verify/public.py), measured again where the tables are here.

Out of reach, whatever is compared: raw tables that were forged together with every file made of them and every hash of
them (a new training finds it, for the runs that it trains); clock readings (the columns train_seconds,
tokens_per_second and seconds, and the results of benchmarks, which stand in no file that is made anew); the hash of an
absent output that no stage reads; sentences without numbers; files that no stage reads, such as tests, licence and
benchmarks."""

import argparse
import tempfile
import time
from pathlib import Path

from ladder.ladder import open_ladder
from ladder.work import accept_rows
from profiles.paths import PAPERS, ROOT, Paths
from profiles.profile import load_profile, run_command
from reproduction.figures import make_figures
from reproduction.verify.accept import accept_code, accept_results, record
from reproduction.verify.anew import check_anew
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.lock import check_locks
from reproduction.verify.pipeline import locked_profiles
from reproduction.verify.public import check_public_anew, check_public_lock, check_public_verdicts
from reproduction.verify.retrain import check_retrained
from reproduction.verify.tables import check_tables


def check_committed(disk: Disk, findings: Findings, profiles: list[str] | None = None) -> None:
    """What can be asked without making anything: locks and raw tables, of all profiles and the public tables, or of the
    profiles named."""
    check_locks(disk, findings, profiles)
    check_tables(disk, findings, profiles)
    if profiles is None:
        check_public_lock(disk, findings)


def verify(root: Path = ROOT, is_quick: bool = False, retrain: str | None = None) -> Findings:
    """Ask everything; a check that cannot be made is a mismatch and keeps no other from being made."""
    disk, findings = Disk(root), Findings()
    check_committed(disk, findings)
    if not is_quick:
        with (
            findings.guard("made anew", "run `make figures` to see where it stops"),
            tempfile.TemporaryDirectory(prefix="verify_") as folder,
        ):
            check_anew(disk, findings, Path(folder))
        with (
            findings.guard("results/public", "run `dvc repro experiments/public/dvc.yaml` to see where it stops"),
            tempfile.TemporaryDirectory(prefix="verify_") as folder,
        ):
            check_public_anew(disk, findings, Path(folder))
            check_public_verdicts(disk, findings, Path(folder) / "verdicts")
    if retrain is not None:
        with findings.guard("trained again", "name another run with RETRAIN=<run>, or train it as the profile says"):
            check_retrained(disk, findings, retrain)
    return findings


def main(arguments: argparse.Namespace) -> int:
    """Print what was found; exit code 1 where something does not belong together."""
    start = time.monotonic()
    if arguments.record:
        make_figures([arguments.record])
        print(f"recorded: {', '.join(record(arguments.record))}")
    if arguments.accept:
        make_figures([arguments.accept])
        ladder = open_ladder(load_profile(arguments.accept), Paths(arguments.accept), PAPERS)
        accept_code(arguments.accept, restamp=lambda: accept_rows(ladder))
    if arguments.accept_results:
        make_figures([arguments.accept_results])
        accept_results(arguments.accept_results)
    is_writing = bool(arguments.accept or arguments.accept_results or arguments.record)
    findings = verify(is_quick=arguments.quick or is_writing, retrain=arguments.retrain)
    for line in findings.mismatches:
        print(f"mismatch: {line}")
    for line in findings.notes:
        print(line)
    profiles = "none"
    with Findings().guard("params.yaml", "named above"):
        profiles = ", ".join(locked_profiles(Disk(ROOT))) or profiles
    seconds = time.monotonic() - start
    print(
        f"profiles with results: {profiles}; {findings.num_compared:,} comparisons, {len(findings.mismatches)} "
        f"mismatches, {seconds:.1f} s"
    )
    return 1 if findings.mismatches else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="locks and raw tables alone: nothing is made anew")
    parser.add_argument(
        "--retrain",
        metavar="RUN",
        help="train this committed run again and compare; 1: one chosen at random, of those that take minutes",
    )
    parser.add_argument(
        "--accept",
        metavar="PROFILE",
        help=(
            "after a change of code that the golden losses prove neutral: make the figures anew, and where they "
            "come out the same, write today's code into the stamps of the measured rows and into the profile's dvc.lock"
        ),
    )
    parser.add_argument(
        "--accept-results",
        metavar="PROFILE",
        help=(
            "after a change of how figures and tables are derived: make them anew and write the hashes of code, params"
            " and results into the profile's dvc.lock; what checkpoints were measured into must be as it was"
        ),
    )
    parser.add_argument(
        "--record",
        metavar="PROFILE",
        help=(
            "write the dvc.lock of a profile whose runs were made in parts or on other machines and brought here, "
            "checkpoints included"
        ),
    )
    run_command(main, parser)
