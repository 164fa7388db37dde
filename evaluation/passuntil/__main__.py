"""`python -m evaluation.passuntil`: the pass rates of any model on any task that has checkers, one row of a table per
item.

    python -m evaluation.passuntil --model CHECKPOINT.safetensors --task program_synthesis --out passes.parquet
    python -m evaluation.passuntil --model FOLDER_OR_NAME --task HumanEval --items HumanEval.jsonl.gz --out passes.parquet
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

# An entry point, so the one place in this room that knows paths and a command line.

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.passuntil.attempt import Decoding, Empty, check_request, same_pieces
from evaluation.passuntil.inputs import DTYPES, PassModel, check_task, load_asked, load_model
from evaluation.passuntil.progress import OnlyWriter, PassProgress
from evaluation.passuntil.rows import METHODS, NAMES, Plan, answer_ids, answer_log_likelihood, cost_line, measure_item
from evaluation.readers.next_token import WiderReader
from models.checkpoint import atomic_write
from sandbox.parent import Sandbox
from tasks.real.passes import FILES, REAL_PASS_TASKS, Runner

__all__ = ["Plan", "State", "answer_log_likelihood", "main", "make_plan", "measure", "parser"]

DATA = Path(__file__).resolve().parents[2] / "data"
TARGET, CAP = 10, 100_000
SAVE_SECONDS = 5.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m evaluation.passuntil", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
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
        help="a task with checkers: ours (program_synthesis, maths, ...) or a published one (HumanEval, ...)",
    )
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
    out.add_argument("--temperature", type=float, default=1.0, help="sampling temperature, above 0 (default 1)")
    out.add_argument(
        "--top-p", type=float, default=1.0, help="nucleus sampling, above 0 and at most 1 (default 1: all tokens)"
    )
    out.add_argument(
        "--max-new-tokens", type=int, help="maximum length of an attempt in tokens (default: that of the task)"
    )
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
    out.add_argument("--out", type=Path, required=True, help="table to write, .parquet")
    return out


def make_plan(arguments: argparse.Namespace, runner: Runner | None = None) -> Plan:
    """Loads model and items and checks all of it before anything is sampled. ValueError in one line for bad input.
    `runner` runs HumanEval's programs."""
    if arguments.out.suffix != ".parquet":
        raise ValueError(f"--out is {arguments.out}; name a file that ends in .parquet")
    if arguments.out.exists():
        raise ValueError(f"--out {arguments.out} exists already; delete it or name another")
    check_task(arguments.task)
    if arguments.task in REAL_PASS_TASKS and arguments.items is None:
        raise ValueError(
            f"task {arguments.task} is published elsewhere; name its file {FILES[arguments.task][0]}"
            f" ({FILES[arguments.task][1]}) with --items"
        )
    target = None if arguments.method == "importance" else arguments.target or None
    folders = arguments.data or [DATA / "passuntil", DATA]
    model = load_model(arguments.model, folders, arguments.dtype, arguments.device)
    path = arguments.items or (model.data or folders[0]) / "items" / f"{arguments.task}.jsonl"
    task = load_asked(arguments.task, path, arguments.num_items, runner)
    max_new_tokens = task.max_new_tokens if arguments.max_new_tokens is None else arguments.max_new_tokens
    decoding = Decoding(max_new_tokens, task.stop, arguments.temperature, arguments.top_p)
    proposal = _proposal(arguments, model, folders)
    if proposal is not None and proposal is not model:
        model, proposal = _with_same_pieces(arguments, model, proposal, task.stop)
    pieces = model.pieces(task.stop)
    for item in task.items:
        try:
            prompt_ids = model.encode_prompt(item.context)
            for each in (model, proposal or model):
                check_request(each.reader, prompt_ids, pieces, item.checker, decoding)
            if proposal is not None and proposal.encode_prompt(item.context) != prompt_ids:
                raise ValueError(
                    f"--proposal {arguments.proposal} reads other tokens than --model {arguments.model}; take a model"
                    " with the same tokenizer"
                )
            answer_ids(model, item, task.stop)
        except ValueError as error:
            raise ValueError(f"task {task.name}, item {item.item_id}: {error}") from error
    proposal_temperature = (
        arguments.temperature if arguments.proposal_temperature is None else arguments.proposal_temperature
    )
    return Plan(
        model,
        task,
        arguments.method,
        decoding,
        target,
        arguments.cap,
        proposal,
        proposal_temperature,
        arguments.dtype,
        arguments.model,
        arguments.proposal or arguments.model,
    )


def _proposal(arguments: argparse.Namespace, model: PassModel, folders: list[Path]) -> PassModel | None:
    """The model that `importance` draws from; None for every other method."""
    if arguments.method != "importance":
        if arguments.proposal is not None or arguments.proposal_temperature is not None:
            raise ValueError(
                f"--proposal and --proposal-temperature belong to --method importance, not to {arguments.method}; leave"
                " them out"
            )
        return None
    return load_model(arguments.proposal, folders, arguments.dtype, arguments.device) if arguments.proposal else model


def _with_same_pieces(
    arguments: argparse.Namespace, model: PassModel, proposal: PassModel, stop: str
) -> tuple[PassModel, PassModel]:
    """Both over one list of ids; models of one family fill their vocabularies up differently. ValueError where a token
    differs."""
    num_shared = min(model.reader.vocab_size, proposal.reader.vocab_size)
    both = model.pieces(stop), proposal.pieces(stop)
    has_others = any(not isinstance(piece, Empty) for pieces in both for piece in pieces[num_shared:])
    if has_others or not same_pieces(*(pieces[:num_shared] for pieces in both)):
        raise ValueError(
            f"--proposal {arguments.proposal} has other tokens than --model {arguments.model}; take a model with the"
            " same tokenizer"
        )
    longest = max(both, key=len)
    return tuple(
        (
            each
            if each.reader.vocab_size == len(longest)
            else replace(each, reader=WiderReader(each.reader, len(longest)), pieces=lambda _: longest)
        )
        for each in (model, proposal)
    )


class State:
    """Finished rows and the item under way, kept in a file beside the table; written at most every few seconds, and
    when the command ends."""

    def __init__(self, path: Path, settings: dict[str, object]):
        self.path, self._settings, self._last = path, settings, -math.inf
        self.rows: dict[int, dict] = {}
        self.open: dict[int, dict] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            found = held["settings"]
            rows, under_way = (
                {int(item_id): entry for item_id, entry in held[name].items()} for name in ("rows", "open")
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self.path}: damaged state of an interrupted measurement ({error}); delete it to begin anew"
            ) from error
        for name, wanted in self._settings.items():
            if name not in NAMES and found.get(name) != wanted:
                models = (
                    f"; begun with --model {found['model']}, continued with --model {self._settings['model']}"
                    if "model" in found
                    else ""
                )
                raise ValueError(
                    f"{self.path}: state of another measurement (field {name} is {found.get(name)!r}, not"
                    f" {wanted!r}{models}); continue it with what it was begun with, delete it or name another --out"
                )
        self.rows, self.open = rows, under_way

    def save(self, is_due: bool = False) -> None:
        """Writes the file, atomically; without `is_due` only when the last time is some seconds ago."""
        if is_due or time.monotonic() - self._last >= SAVE_SECONDS:
            atomic_write(
                self.path, json.dumps({"settings": self._settings, "rows": self.rows, "open": self.open}).encode()
            )
            self._last = time.monotonic()

    def save_or_remove(self) -> None:
        """Writes the file, or removes it where nothing is worth keeping."""
        if self.rows or self.open:
            self.save(is_due=True)
        else:
            self.path.unlink(missing_ok=True)


def measure(plan: Plan, state: State, progress: PassProgress) -> pd.DataFrame:
    """All items, the finished ones from the state. The state is written whatever ends this."""
    pieces = plan.model.pieces(plan.decoding.stop)
    try:
        for item in plan.task.items:
            if item.item_id in state.rows:
                continue

            def on_progress(held: dict, item_id: int = item.item_id) -> None:
                state.open = {item_id: held}
                state.save()
                progress.update(
                    len(state.rows), max(held["attempts"] / plan.cap, held["passes"] / (plan.target or math.inf))
                )

            try:
                row = measure_item(plan, item, pieces, state.open.get(item.item_id), on_progress)
            except ValueError as error:
                kept = f"; {len(state.rows)} items are finished and kept in {state.path}" if state.rows else ""
                raise ValueError(f"task {plan.task.name}, item {item.item_id}: {error}{kept}") from error
            state.rows[item.item_id], state.open = row, {}
            state.save()
            progress.update(len(state.rows), 0.0)
    finally:
        state.save_or_remove()
    return pd.DataFrame([state.rows[item.item_id] for item in plan.task.items])


def _announced(plan: Plan, state: State, num_left: int) -> str:
    """The cost line. A model that fails at its first step leaves no empty state behind."""
    try:
        return cost_line(plan, num_left)
    except BaseException:
        state.save_or_remove()
        raise


def summary(plan: Plan, table: pd.DataFrame) -> str:
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
    sandbox, writer = None, OnlyWriter(arguments.out, state_path)
    try:
        sandbox = Sandbox() if arguments.task == "HumanEval" else None
        plan = make_plan(arguments, sandbox.passes if sandbox else None)
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
            table = measure(plan, state, progress)
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        atomic_write(arguments.out, buffer.getvalue())
        state_path.unlink()
    except ValueError as error:
        return _failed(error, 2)
    except OSError as error:
        return _failed(error, 1)
    except KeyboardInterrupt:
        return _failed("interrupted; the same command goes on from what was counted", 130)
    finally:
        writer.end()
        if sandbox:
            sandbox.close()
    print(summary(plan, table))
    return 0


def _failed(reason: object, code: int) -> int:
    print(f"passuntil: {' '.join(str(reason).split())}", file=sys.stderr)
    return code
