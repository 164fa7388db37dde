"""`make compare`: a reader's own results held against the committed ones, claim by claim.

    python -m reproduction.compare [--profile P] [--with-profile Q] [--against REV] [--strict] [--json]

Committed is what git holds (REV, default HEAD), so the comparison works after `dvc repro` has overwritten the files;
fresh is what lies in the working tree. With --with-profile the committed side is that of another profile, for example
one with other seeds: claims are compared where both have them. Weights are compared by their hashes, run by run, where
both sides trained the same recipe.
"""

import argparse
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from paper.verdict_report import STYLES
from profiles.paths import Paths
from profiles.profile import default_profile, load_profile, run_command
from reproduction.committed import NothingCommitted, committed, parse_verdicts, read_runs

DECIDED = {"replicated", "not replicated"}
SAME, FLIPPED, ONE_SIDED, OTHERWISE = "same", "flipped", "decided on one side", "undecided in another way"
# Columns of the tables of runs that say on what a run was trained, and a word for each; a column that one of the tables
# lacks is passed over.
CIRCUMSTANCES = {"device": "device", "precision": "precision", "kernel_path": "kernels", "torch": "torch"}
CPU_COLUMN = re.compile(
    "cpu|capability|instructions|machines"
)  # of the names of other columns: what the processor can do
FAILED_STRICT = 1


@dataclass(frozen=True)
class Comparison:
    """A claim on both sides: verdicts, (value, low, high) with None for what could not be determined, and how the two
    agree."""

    id: str
    claim: str
    criterion: str
    committed: str
    fresh: str
    committed_numbers: tuple[float | None, ...]
    fresh_numbers: tuple[float | None, ...]
    agreement: str
    intervals_meet: bool | None


@dataclass(frozen=True)
class Weights:
    """Runs that both sides trained by the same recipe: how many, those with other weights, and in what the
    circumstances differ."""

    num_runs: int = 0
    other: tuple[str, ...] = ()
    num_other_recipes: int = 0
    circumstances: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = f"; {self.num_other_recipes} runs of another recipe not compared" if self.num_other_recipes else ""
        if not self.num_runs:
            return f"weights the same bytes: no run to compare{left}"
        if not self.other:
            return f"weights the same bytes: yes ({self.num_runs} of {self.num_runs} runs){left}"
        cause = ", ".join(self.circumstances) or "on what the tables call the same device"
        return (
            f"weights the same bytes: no, {cause} ({self.num_runs - len(self.other)} of {self.num_runs} runs are){left}"
        )


@dataclass(frozen=True)
class Result:
    """The whole comparison. sides: what was held against what."""

    sides: str
    claims: list[Comparison]
    only_committed: list[str] = field(default_factory=list)
    only_fresh: list[str] = field(default_factory=list)
    weights: Weights = Weights()
    is_untouched: bool = False

    def summary(self) -> str:
        """One line."""
        counts = Counter(claim.agreement for claim in self.claims)
        parts = [f"{counts[SAME]} of {len(self.claims)} verdicts the same"]
        parts += [
            f"{counts[kind]} {words}"
            for kind, words in ((FLIPPED, "flipped"), (ONE_SIDED, "inconclusive on one side"), (OTHERWISE, OTHERWISE))
            if counts[kind] or kind == FLIPPED
        ]
        num_equal = sum(claim.committed_numbers == claim.fresh_numbers for claim in self.claims)
        parts.append(f"all three numbers equal in {num_equal}")
        parts += [
            f"{len(ids)} claims only {side}"
            for side, ids in (("committed", self.only_committed), ("fresh", self.only_fresh))
            if ids
        ]
        line = ", ".join(parts) + f"; {self.weights}"
        return line + (
            "; the files are the committed ones: nothing was run or all of it came out the same"
            if self.is_untouched
            else ""
        )


def agreement(one: str, other: str) -> str:
    """How two verdicts on a claim agree."""
    if one == other:
        return SAME
    return {2: FLIPPED, 1: ONE_SIDED, 0: OTHERWISE}[(one in DECIDED) + (other in DECIDED)]


def intervals_meet(one: tuple, other: tuple) -> bool | None:
    """Whether two (value, low, high) overlap; a number without interval is its own. None where either could not be
    determined."""
    if one[0] is None or other[0] is None:
        return None
    (low, high), (other_low, other_high) = ([row[0] if end is None else end for end in row[1:]] for row in (one, other))
    return low <= other_high and other_low <= high


def compare_claims(before: dict[str, dict], after: dict[str, dict]) -> list[Comparison]:
    """The claims that both sides have, in the order of the committed ones."""
    found = []
    for name in before:
        if name in after:
            old, new = before[name], after[name]
            numbers = [tuple(row[end] for end in ("value", "low", "high")) for row in (old, new)]
            found.append(
                Comparison(
                    name,
                    new["claim"],
                    new["criterion"],
                    old["verdict"],
                    new["verdict"],
                    *numbers,
                    agreement(old["verdict"], new["verdict"]),
                    intervals_meet(*numbers),
                )
            )
    return found


def compare_weights(before: dict[str, dict], after: dict[str, dict]) -> Weights:
    """The runs of both sides by their weight hashes."""
    shared = [run for run in before if run in after]
    alike = [run for run in shared if before[run]["recipe_hash"] == after[run]["recipe_hash"]]
    other = [run for run in alike if before[run]["weight_hash"] != after[run]["weight_hash"]]
    pairs = set()
    for run in other:
        for name in before[run].keys() & after[run].keys():
            words = CIRCUMSTANCES.get(name) or ("CPU" if CPU_COLUMN.search(name) else "")
            if words and before[run][name] != after[run][name]:
                pairs.add((words, before[run][name], after[run][name]))
    return Weights(
        len(alike),
        tuple(other),
        len(shared) - len(alike),
        tuple(f"other {words} ({old}, now {new})" for words, old, new in sorted(pairs)),
    )


def compare(fresh: Paths, baseline: Paths, revision: str) -> Result:
    """Everything that both sides have. NothingCommitted without a committed side, ValueError where a file is damaged or
    nothing was run."""
    remedy = f"run `make reproduce PROFILE={fresh.profile}`"
    root, shown = fresh.root, fresh.verdicts.relative_to(fresh.root).as_posix()
    held, held_name = (
        committed(root, revision, baseline.verdicts),
        f"{revision}:{baseline.verdicts.relative_to(root).as_posix()}",
    )
    if held is None:
        raise NothingCommitted(
            f"{held_name}: no verdicts of profile {baseline.profile} are committed; choose another side by "
            "--with-profile or --against"
        )
    if not fresh.verdicts.exists():
        raise ValueError(f"{shown}: no verdicts yet; {remedy}")
    before = parse_verdicts(held, held_name, "choose another revision by --against")
    after = parse_verdicts(fresh.verdicts.read_bytes(), shown, remedy)
    is_untouched, weights = held == fresh.verdicts.read_bytes(), {"before": {}, "after": {}}
    for old, new in (
        (baseline.runs_table("loss"), fresh.runs_table("loss")),
        (baseline.runs_table("passuntil"), fresh.runs_table("passuntil")),
    ):
        table = committed(root, revision, old)
        lies_here = new.read_bytes() if new.exists() else None
        is_untouched = is_untouched and table == lies_here
        for side, data, path in (("before", table, old), ("after", lies_here, new)):
            if data is not None:
                weights[side] |= read_runs(data, path.relative_to(root).as_posix(), remedy)
    of_baseline = "" if baseline.profile == fresh.profile else f" of profile {baseline.profile}"
    return Result(
        f"profile {fresh.profile}: committed{of_baseline} ({revision}) against fresh (working tree)",
        compare_claims(before, after),
        [name for name in before if name not in after],
        [name for name in after if name not in before],
        compare_weights(**weights),
        is_untouched,
    )


def shown_numbers(numbers: tuple[float | None, ...]) -> str:
    """ "value [low, high]", with - for what could not be determined."""
    value, low, high = ("-" if number is None else f"{number:.3g}" for number in numbers)
    return value if low == high == "-" else f"{value} [{low}, {high}]"


def _agrees(claim: Comparison) -> str:
    apart = "; intervals apart" if claim.intervals_meet is False else ""
    return ("yes" if claim.agreement == SAME else f"no: {claim.agreement}") + apart


def print_result(result: Result, console: Console) -> None:
    """A table for people at a terminal, a line of tab-separated fields a claim for everything else."""
    heads = ("claim", "committed", "", "fresh", "", "agrees")
    rows = [
        (
            claim.id,
            claim.committed,
            shown_numbers(claim.committed_numbers),
            claim.fresh,
            shown_numbers(claim.fresh_numbers),
            _agrees(claim),
        )
        for claim in result.claims
    ]
    if not console.is_terminal:
        for row in [heads, *rows]:
            console.file.write("\t".join(row) + "\n")
        console.file.write(f"{result.sides}\n{result.summary()}\n")
        return
    table = Table(title=result.sides)
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head in ("committed", "fresh"))
    for name, old, old_numbers, new, new_numbers, agrees in rows:
        styled = (f"[{STYLES.get(verdict, 'default')}]{escape(verdict)}[/]" for verdict in (old, new))
        table.add_row(
            escape(name), next(styled), escape(old_numbers), next(styled), escape(new_numbers), escape(agrees)
        )
    console.print(table, highlight=False)
    console.print(escape(result.summary()), highlight=False, soft_wrap=True)


def main(arguments: argparse.Namespace) -> int:
    """Exit code 0; with --strict 1 where a verdict flipped or nothing could be compared."""
    for name in {arguments.profile, arguments.with_profile or arguments.profile}:
        load_profile(name)
    try:
        result = compare(
            Paths(arguments.profile), Paths(arguments.with_profile or arguments.profile), arguments.against
        )
    except NothingCommitted as reason:
        print(json.dumps({"summary": f"not compared: {reason}"}) if arguments.json else f"not compared: {reason}")
        return FAILED_STRICT if arguments.strict else 0
    if arguments.json:
        print(
            json.dumps(
                {
                    "sides": result.sides,
                    "summary": result.summary(),
                    "weights_are_the_same": bool(result.weights.num_runs) and not result.weights.other,
                }
                | asdict(result),
                indent=1,
            )
        )
    else:
        print_result(result, Console())
    return FAILED_STRICT if arguments.strict and any(claim.agreement == FLIPPED for claim in result.claims) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default=default_profile(), help="whose fresh results (default: %(default)s)")
    parser.add_argument("--with-profile", help="whose committed results (default: those of --profile)")
    parser.add_argument(
        "--against",
        default="HEAD",
        metavar="REV",
        help="the revision that holds the committed results (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit code 1 where a verdict flips between replicated and not replicated"
    )
    parser.add_argument("--json", action="store_true", help="one json object instead of a table")
    run_command(main, parser)
