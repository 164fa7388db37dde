"""`python -m paper.judge TABLE --claim ID ...`: any claim of claims.yaml that a table can decide, on anybody's table.

The number is the one that the claim is judged by on our own ladder (analysis/table_statistics/), the criterion and the
verdict's words are those of paper/verdicts.py. Claims of both versions can be asked. Four kinds of table:

    checkpoints  one row per checkpoint of one task    --loss --value --run --chance [--items --tokens --size --compute]
    tasks        the same of several tasks             also --task, --chance as a column too [--series long or small]
    passes       one row per item and model size       --size --item --passes --attempts [--answer-loss --hold-out]
    losses       one row per finished run              --size --loss [--hold-out]

`python -m paper.judge --list` says which claim needs which.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.intervals import Estimate
from analysis.onset.fit import onset_by_run
from analysis.onset.table import Columns, check_table, chosen_rows, items_of, read_table
from analysis.table_statistics.checkpoints import CHECKPOINT_STATISTICS, checkpoint_statistic
from analysis.table_statistics.losses import LOSS_STATISTICS, loss_statistic
from analysis.table_statistics.passes import PASS_STATISTICS, pass_statistic, pass_table
from analysis.table_statistics.tasks import TASKS_STATISTICS, Tables, tasks_statistic
from paper.claims import CLAIMS_FILE, Claim, load_claims
from paper.verdicts import INCONCLUSIVE, NOT_REACHED, judge

# Names of the ladder's tables that mean another number, or the same one under version 1's name.
OTHER_NAMES = {
    ("passuntil_fig3_loss_law", "held_out_error_share"): "loss_held_out_error_share",
    ("loss_fig1_model_sizes", "chance_share"): "flat_share",
    ("loss_fig8_bigbench", "chance_share"): "flat_share",
    ("loss_fig5_intermediate", "onset_sd_share"): "onset_spread_share",
    ("loss_fig1_model_sizes", "task_onset_sd_share"): "task_onset_spread_share",
}
NOT_TABLES = {("loss_fig5_intermediate", "spread_ratio"), ("passuntil_fig3_loss_law", "floor_share")}
KINDS = {
    "tasks": TASKS_STATISTICS,
    "checkpoints": CHECKPOINT_STATISTICS,
    "passes": PASS_STATISTICS,
    "losses": LOSS_STATISTICS,
}
HOLD_OUT = {"passes": 2, "losses": 1}


@dataclass(frozen=True)
class TableVerdict:
    """A claim's verdict on a table: the number with its 95 % interval, the word, what was done to the table."""

    claim: Claim
    estimate: Estimate
    verdict: str
    notes: tuple[str, ...]

    def text(self) -> str:
        """A few lines for a terminal."""
        number = self.estimate
        shown = f"{number.estimate:.3g} [{number.low:.3g}, {number.high:.3g}]" if number.ok else "undetermined"
        lines = [
            f"{self.verdict}: {self.claim.claim}",
            f"criterion   {self.claim.unit} {self.claim.criterion}",
            f"this table  {shown}  ({number.status})",
        ]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    def to_json(self) -> str:
        """The same as JSON, numbers to five digits, what is not finite as null."""
        ends = {name: getattr(self.estimate, field) for name, field in ENDS.items()}
        content = {
            "id": self.claim.id,
            "paper": self.claim.paper,
            "claim": self.claim.claim,
            "statistic": self.claim.unit,
            **{name: float(f"{end:.5g}") if np.isfinite(end) else None for name, end in ends.items()},
            "criterion": str(self.claim.criterion),
            "verdict": self.verdict,
            "status": self.estimate.status,
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def papers_claims() -> dict[str, Claim]:
    """Claims of both versions by id, where both files are here; the newer one's before the older one's."""
    files = [file for file in (CLAIMS_FILE.with_name("claims_v1.yaml"), CLAIMS_FILE) if file.exists()]
    return {claim.id: claim for file in files for claim in load_claims(file)}


ENDS = {"value": "estimate", "low": "low", "high": "high"}


def table_kind(claim: Claim) -> tuple[str, str] | None:
    """(kind of table, statistic's name there) that a claim can be judged on; None where no table will do."""
    key = (claim.folder, claim.statistic)
    if key in NOT_TABLES or claim.criterion.operator == "inside":
        return None
    name = OTHER_NAMES.get(key, claim.statistic)
    kinds = [kind for kind, statistics in KINDS.items() if name in statistics]
    if len(kinds) > 1:  # asked of one task, or of all together
        kinds = ["tasks" if claim.tasks == ("all",) else "checkpoints"]
    return (kinds[0], name) if kinds else None


def judge_checkpoints(claim: Claim, rows: pd.DataFrame, chance: float, notes: tuple[str, ...] = ()) -> TableVerdict:
    """Paper L's claims. rows: a checked table of checkpoints (analysis/onset/table.py)."""
    _, name = _asked(claim, "checkpoints")
    estimate = checkpoint_statistic(name, rows, chance)
    if "num_items" in rows and "tokens_seen" in rows:
        onsets = onset_by_run(rows, chance)
        if (onsets.status == "not reached").all():
            return TableVerdict(claim, estimate, NOT_REACHED, (*notes, f"no run lastingly leaves chance ({chance:g})"))
    return _judged(claim, estimate, notes)


def judge_tasks(claim: Claim, by_task: Tables, notes: tuple[str, ...] = ()) -> TableVerdict:
    """Paper L's claims on all tasks together. by_task: task -> (checked rows, chance)."""
    _, name = _asked(claim, "tasks")
    return _judged(claim, tasks_statistic(name, by_task), notes)


def judge_passes(claim: Claim, rows: pd.DataFrame, num_held_out: int = 2) -> TableVerdict:
    """Paper P's claims on items and sizes. rows: columns num_parameters, item, passes, attempts."""
    _, name = _asked(claim, "passes")
    return _judged(claim, pass_statistic(name, pass_table(rows, num_held_out)), ())


def judge_losses(claim: Claim, rows: pd.DataFrame, num_held_out: int = 1) -> TableVerdict:
    """Paper P's claims on final losses. rows: columns num_parameters, loss_nats."""
    _, name = _asked(claim, "losses")
    return _judged(claim, loss_statistic(name, rows, num_held_out), ())


def _asked(claim: Claim, wanted: str) -> tuple[str, str]:
    kind = table_kind(claim)
    if kind is None or kind[0] != wanted:
        what = f"a table of {kind[0]}" if kind else f"more than a table ({claim.folder} measures it)"
        raise ValueError(f"claim {claim.id} needs {what}; `python -m paper.judge --list` shows what each claim needs")
    return kind


def _judged(claim: Claim, estimate: Estimate, notes: tuple[str, ...]) -> TableVerdict:
    if estimate.status.startswith("not reached"):
        return TableVerdict(claim, estimate, NOT_REACHED, notes)
    word = judge(claim.criterion, estimate.estimate, estimate.low, estimate.high) if estimate.ok else INCONCLUSIVE
    return TableVerdict(claim, estimate, word, notes)


def chosen_claim(claims: list[Claim], name: str) -> Claim:
    """The claim of that id. ValueError lists those that a table can decide."""
    found = [claim for claim in claims if claim.id == name]
    if not found:
        known = ", ".join(claim.id for claim in claims if table_kind(claim))
        raise ValueError(f"--claim {name}: no such claim; a table can decide {known}")
    return found[0]


def claim_list(claims: list[Claim]) -> str:
    """One line per claim: what it needs."""
    kinds = [(claim, table_kind(claim)) for claim in claims]
    return "\n".join(f"{claim.id:<28} {kind[0] if kind else 'not from a table'}" for claim, kind in kinds)


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    out = argparse.ArgumentParser(
        prog="python -m paper.judge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("table", type=Path, nargs="?", help="csv, tsv, parquet or jsonl")
    out.add_argument("--claim", metavar="ID", help="a claim of paper/claims.yaml")
    out.add_argument("--list", action="store_true", help="which claim needs which table")
    out.add_argument("--chance", metavar="NUMBER or COLUMN", help="score of a guesser, 0.25 for four options")
    for name, what in COLUMN_OPTIONS.items():
        out.add_argument(f"--{name}", metavar="COLUMN", help=what)
    out.add_argument("--items", metavar="COLUMN or NUMBER", help="questions behind each score")
    out.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep these rows only")
    out.add_argument("--hold-out", type=int, metavar="N", help="predict the N largest sizes (passes 2, losses 1)")
    out.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there as well")
    return out


COLUMN_OPTIONS = {
    "loss": "pre-training loss, nats per token",
    "value": "score, share or percent",
    "run": "name of the run",
    "tokens": "tokens seen",
    "size": "number of parameters",
    "compute": "training compute, FLOPs (default: 6 times size times tokens)",
    "item": "name of the item",
    "passes": "attempts that passed",
    "attempts": "attempts at the item",
    "task": "name of the task, for claims on several",
    "series": "long or small, for the claim on token budgets",
    "answer-loss": "loss of the item's reference answer, nats",
}
# Kind -> option -> the column's name in our tables.
RENAMED = {
    "passes": {"size": "num_parameters", "item": "item", "passes": "passes", "attempts": "attempts"},
    "losses": {"size": "num_parameters", "loss": "loss_nats"},
}


def judged_file(chosen: argparse.Namespace) -> TableVerdict:
    """The verdict that the arguments ask for. ValueError in one line for anything that cannot be used."""
    if chosen.table is None or chosen.claim is None:
        raise ValueError("give a table and --claim ID, or --list")
    claim = chosen_claim(list(papers_claims().values()), chosen.claim)
    kind = table_kind(claim)
    if kind is None:
        _asked(claim, "checkpoints")
    frame = chosen_rows(read_table(chosen.table), chosen.where)
    if kind[0] in ("checkpoints", "tasks"):
        _wanted(chosen, kind[0], ("loss", "value", "run", "chance", *(["task"] if kind[0] == "tasks" else [])))
        if kind[0] == "checkpoints":
            return judge_checkpoints(claim, *_checked(frame, chosen))
        if chosen.task not in frame:
            raise ValueError(f"--task {chosen.task}: not in the table")
        found = {str(task): _checked(one, chosen) for task, one in frame.groupby(chosen.task)}
        notes = tuple(f"{task}: {note}" for task, (_, _, said) in found.items() for note in said)
        return judge_tasks(claim, {task: (rows, chance) for task, (rows, chance, _) in found.items()}, notes)
    columns = RENAMED[kind[0]]
    _wanted(chosen, kind[0], tuple(columns))
    given = {getattr(chosen, option): ours for option, ours in columns.items()}
    if kind[0] == "passes" and chosen.answer_loss:
        given[chosen.answer_loss] = "answer_loss"
    if absent := [name for name in given if name not in frame]:
        raise ValueError(f"columns {', '.join(absent)}: not in {chosen.table}, which has {', '.join(frame)}")
    rows = frame[list(given)].rename(columns=given)
    held = HOLD_OUT[kind[0]] if chosen.hold_out is None else chosen.hold_out
    return judge_passes(claim, rows, held) if kind[0] == "passes" else judge_losses(claim, rows, held)


def _wanted(chosen: argparse.Namespace, kind: str, options: tuple[str, ...]) -> None:
    if absent := [option for option in options if getattr(chosen, option.replace("-", "_")) is None]:
        raise ValueError(f"claim {chosen.claim} needs a table of {kind}: give --{' --'.join(absent)}")


def _checked(frame: pd.DataFrame, chosen: argparse.Namespace) -> tuple[pd.DataFrame, float, tuple[str, ...]]:
    """(rows, chance, notes) of one task."""
    names = (chosen.loss, chosen.value, chosen.run, chosen.tokens, chosen.size, chosen.series)
    table = check_table(frame, Columns(*names, items_of(chosen.items, frame)), _chance(frame, chosen.chance))
    rows = table.rows.rename(columns={"group": "series"})
    return (rows if chosen.compute is None else _with_compute(rows, frame, chosen)), table.chance, table.notes


def _chance(frame: pd.DataFrame, given: str) -> float:
    if given in frame:
        values = frame[given].unique()
        if len(values) != 1:
            raise ValueError(f"--chance {given}: {len(values)} values in one task, needs one")
        return float(values[0])
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"--chance {given}: neither a number nor a column of the table") from None


def _with_compute(rows: pd.DataFrame, frame: pd.DataFrame, chosen: argparse.Namespace) -> pd.DataFrame:
    if chosen.tokens is None:
        raise ValueError("--compute needs --tokens, by which a checkpoint is found again")
    if chosen.compute not in frame:
        raise ValueError(f"--compute {chosen.compute}: not in the table")
    keys = {chosen.run: "run", chosen.tokens: "tokens_seen", chosen.compute: "compute_flops"}
    compute = frame[list(keys)].rename(columns=keys).drop_duplicates(["run", "tokens_seen"])
    return rows.merge(compute.assign(run=compute.run.astype(str)), on=["run", "tokens_seen"], how="left")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where table or argument cannot be used."""
    chosen = parser().parse_args(arguments)
    try:
        if chosen.list:
            print(claim_list(list(papers_claims().values())))
            return 0
        found = judged_file(chosen)
        print(found.text())
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(found.to_json(), encoding="utf-8")
    except (ValueError, OSError) as error:
        print(f"python -m paper.judge: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
