"""`python -m evaluation.passuntil`: the pass rates of any model on any task that has checkers, one row of a table per
item.

    python -m evaluation.passuntil --model CHECKPOINT.safetensors --task program_synthesis --out passes.parquet
    python -m evaluation.passuntil --model FOLDER --task HumanEval --items HumanEval.jsonl.gz --out passes.parquet
    python -m evaluation.passuntil --model FOLDER --task mine.jsonl --stop $'\\n' --out passes.parquet
    python -m evaluation.passuntil --model SMALL --task maths --method importance --proposal LARGE --out passes.parquet

The method `shared` counts attempts on a tree of shared prefixes and follows the same law as `sampled`, which draws them
one by one; `exact` gives certified bounds on the pass probability itself; `importance` draws `cap` attempts, most of
them from the proposal, and weights them back. An attempt ends at the stop of its task or at any end-of-text token that
the tokenizer, config.json or generation_config.json names. Nothing is downloaded: fetch a model from the hub first (`hf
download NAME`).

An interrupted command continues where it stopped: what has been counted is kept beside the table, in OUT.state.json,
until the table is written. A state is continued only with the same weights, tokenizer, items and settings.

Columns: those of results/<profile>/passuntil/pass_rates.parquet, and config_hash, tokenizer_hash, number_format and
settings_hash, by which rows of different measurements can be distinguished; `importance` adds its estimate of the pass
probability, its standard_error and its effective_sample_size.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.passuntil.inputs import DTYPES
from evaluation.passuntil.planning import make_plan
from evaluation.passuntil.programs import Programs
from evaluation.passuntil.progress import OnlyWriter, PassProgress
from evaluation.passuntil.rows import METHODS, Plan, cost_line
from evaluation.passuntil.state import State, measure_plan
from files.atomic import atomic_write, explain
from profiles.paths import ROOT
from tasks.own.passes import __doc__ as OWN_FORM

TARGET, CAP = 10, 100_000
FOLDERS = (ROOT / "data" / "passuntil", ROOT / "data")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m evaluation.passuntil",
        description=__doc__,
        epilog=OWN_FORM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument(
        "--model",
        required=True,
        help=(
            "a .safetensors checkpoint of this project, a folder in the format of transformers, or a name in the local"
            " cache of the hub"
        ),
    )
    out.add_argument(
        "--task",
        required=True,
        help=(
            "a task with checkers: ours (program_synthesis, maths, ...), a published one (HumanEval, ...), or a .jsonl"
            " file of your own, see below"
        ),
    )
    _add_own_task_options(out)
    out.add_argument(
        "--items", type=Path, help="file of items (default: that of the task beside the tokenizer of the model)"
    )
    out.add_argument("--num-items", type=int, help="measure only the first NUM_ITEMS items")
    out.add_argument(
        "--target",
        type=int,
        default=TARGET,
        help=f"number of passes after which sampling stops; 0 for never (default {TARGET})",
    )
    out.add_argument(
        "--cap", type=int, default=CAP, help=f"number of attempts after which sampling stops (default {CAP})"
    )
    out.add_argument("--method", choices=METHODS, default="shared", help="see above (default shared)")
    out.add_argument(
        "--proposal", help="importance: the model to draw from, with the same tokenizer (default: the model itself)"
    )
    out.add_argument(
        "--proposal-temperature", type=float, help="importance: temperature to draw at (default: that of --temperature)"
    )
    _add_decoding_options(out)
    _add_machine_options(out)
    out.add_argument("--out", type=Path, required=True, help="table to write, .parquet")
    return out


def _add_decoding_options(out: argparse.ArgumentParser) -> None:
    out.add_argument("--temperature", type=float, default=1.0, help="sampling temperature, above 0 (default 1)")
    out.add_argument(
        "--top-p", type=float, default=1.0, help="nucleus sampling, above 0 and at most 1 (default 1: all tokens)"
    )
    out.add_argument(
        "--max-new-tokens", type=int, help="maximum length of an attempt in tokens (default: that of the task)"
    )


def _add_machine_options(out: argparse.ArgumentParser) -> None:
    out.add_argument(
        "--data",
        type=Path,
        action="append",
        help="folder with tokenizer.json and items/; may be repeated (default data/passuntil, then data)",
    )
    out.add_argument(
        "--dtype",
        choices=tuple(DTYPES),
        default="float32",
        help="number format of a transformers model (default float32)",
    )
    out.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps (default cpu)")


def _add_own_task_options(out: argparse.ArgumentParser) -> None:
    out.add_argument(
        "--checker", type=Path, help="own task: Python file with passes(attempt, row) -> bool, run in the sandbox"
    )
    out.add_argument(
        "--stop", action="append", help="own task: text that ends an attempt; may be repeated (default: none)"
    )
    out.add_argument(
        "--chat", action="store_true", help="write each prompt as a user's message, by the tokenizer's chat template"
    )


def _announced(plan: Plan, state: State, num_left: int) -> str:
    """The cost line. A model that fails at its first step leaves no empty state behind."""
    try:
        return cost_line(plan, num_left)
    except BaseException:
        state.save_or_remove()
        raise


def summary_line(plan: Plan, table: pd.DataFrame) -> str:
    """One line for people."""
    if plan.method == "exact":
        low, high = (np.exp(table[column]).mean() for column in ("log_pass_low", "log_pass_high"))
        return f"{plan.task.name}: mean pass probability between {low:.3g} and {high:.3g}, {len(table)} items"
    if plan.method == "importance":
        error = math.sqrt((table.standard_error**2).sum()) / len(table)
        return (
            f"{plan.task.name}: mean pass probability {table.estimate.mean():.3g}, standard error {error:.2g},"
            f" {len(table)} items, smallest effective sample {table.effective_sample_size.min():.1f} passes"
        )
    ended = (
        "fixed number of attempts"
        if plan.target is None
        else f"{int(table.is_reached.sum())} reached {plan.target} passes"
    )
    rate = (table.passes / table.attempts).mean()
    return (
        f"{plan.task.name}: mean of passes / attempts {rate:.3g}, {len(table)} items, {ended},"
        f" {table.seconds.sum():.1f} s"
    )


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 2 for bad input with one line on stderr; 1 where the disk or the model failed on the way; 130 after
    Ctrl-C. What was counted is kept."""
    arguments = parser().parse_args(argv)
    state_path = arguments.out.with_name(arguments.out.name + ".state.json")
    programs, writer = Programs(), OnlyWriter(arguments.out, state_path)
    try:
        plan = make_plan(arguments, arguments.data or FOLDERS, programs)
        writer.begin()
        state = State(state_path, plan.settings)
        state.save(is_due=True)  # a place that cannot be written is found before the work
        num_done, num_items = len(state.rows), len(plan.task.items)
        print(
            _announced(plan, state, num_items - num_done)
            + (f"; {num_done} items are done already" if num_done else ""),
            flush=True,
        )
        with PassProgress(plan.task.name, num_items, num_done) as progress:
            table = measure_plan(plan, state, progress)
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        atomic_write(arguments.out, buffer.getvalue())
        state_path.unlink()
    except ValueError as error:
        return _failed(error, 2)
    except OSError as error:
        return _failed(explain(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted; the same command goes on from what was counted", 130)
    finally:
        writer.end()
        programs.close()
    print(summary_line(plan, table))
    return 0


def _failed(reason: object, code: int) -> int:
    print(f"passuntil: {' '.join(str(reason).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
