"""`python -m evaluation.passuntil`: the pass rates of any model on any task that has checkers, one row of a table per item.

    python -m evaluation.passuntil --model CHECKPOINT.safetensors --task program_synthesis --out passes.parquet
    python -m evaluation.passuntil --model FOLDER_OR_NAME --task HumanEval --items HumanEval.jsonl.gz --out passes.parquet
    python -m evaluation.passuntil --model SMALL --task maths --method importance --proposal LARGE --out passes.parquet

An entry point, so the one place in this room that knows paths and a command line. The method `shared` counts attempts on a tree of shared prefixes and
has the law of `sampled`, which draws one by one; `exact` gives certified bounds of the pass probability itself; `importance` draws `cap` attempts, most of
them from the proposal, and weights them back. An interrupted command goes on where it stopped: what it knows lies beside the table, as OUT.state.json,
until the table is written. The columns are those of results/<profile>/pass_rates.parquet; `importance` adds its estimate (of the pass probability),
standard_error and effective_sample_size.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.attempt import Decoding, check_request
from evaluation.importance import importance_estimate
from evaluation.next_token import NextToken
from evaluation.pass_exact import pass_probability
from evaluation.pass_inputs import DTYPES, Asked, AskedTask, PassModel, check_task, load_asked, load_model
from evaluation.pass_progress import OnlyWriter, PassProgress, duration
from evaluation.passuntil import count_until, sample_until
from evaluation.sandbox import Sandbox
from models.checkpoint import atomic_write
from tasks.real_passes import FILES, REAL_PASS_TASKS, Runner

DATA = Path(__file__).resolve().parent.parent / "data"
COUNTING = {"shared": count_until, "sampled": sample_until}
METHODS = (*COUNTING, "exact", "importance")
TARGET, CAP = 10, 100_000
TARGET_SHARE = 0.1  # of the attempts of `importance`, drawn from the model itself
TOLERANCE, MAX_EVALUATIONS = 1e-3, 10_000
SAVE_SECONDS = 5.0
PROBE_ROWS, PROBES = 64, 3


@dataclass(frozen=True)
class Plan:
    """One command, checked: everything that decides its numbers."""

    model: PassModel
    task: AskedTask
    method: str
    decoding: Decoding
    target: int | None
    cap: int
    proposal: PassModel | None = None
    proposal_temperature: float = 1.0

    @property
    def settings(self) -> dict[str, object]:
        """What a state must agree on to be gone on from."""
        identity = ("run", "tokens_seen", "weight_hash")
        proposal = {"proposal": [self.proposal.about[name] for name in identity], "proposal_temperature": self.proposal_temperature} if self.proposal else {}
        return {**{name: self.model.about[name] for name in identity}, **proposal, "task": self.task.name, "method": self.method,
                "items": [item.item_id for item in self.task.items], "target": self.target, "cap": self.cap, "stop": self.decoding.stop,
                "max_new_tokens": self.decoding.max_new_tokens, "temperature": self.decoding.temperature, "top_p": self.decoding.top_p}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m evaluation.passuntil", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--model", required=True, help="a .safetensors checkpoint of this project, or a transformers folder or name")
    out.add_argument("--task", required=True, help="a task with checkers: ours (program_synthesis, maths, ...) or a published one (HumanEval, ...)")
    out.add_argument("--items", type=Path, help="file of items; by default that of the task in the folder of the model's tokenizer")
    out.add_argument("--num-items", type=int, help="only the first so many items")
    out.add_argument("--target", type=int, default=TARGET, help=f"passes at which sampling stops, 0: never (default {TARGET})")
    out.add_argument("--cap", type=int, default=CAP, help=f"attempts at which sampling stops (default {CAP})")
    out.add_argument("--method", choices=METHODS, default="shared")
    out.add_argument("--proposal", help="importance: model to draw from, with the same tokens; by default the model itself")
    out.add_argument("--proposal-temperature", type=float, help="importance: temperature to draw at, by default --temperature")
    out.add_argument("--temperature", type=float, default=1.0)
    out.add_argument("--top-p", type=float, default=1.0)
    out.add_argument("--max-new-tokens", type=int, help="length of an attempt, by default the task's")
    out.add_argument("--data", type=Path, action="append", help="folder with tokenizer.json and items/ (default data/passuntil, then data)")
    out.add_argument("--dtype", choices=tuple(DTYPES), default="float32")
    out.add_argument("--device", default="cpu")
    out.add_argument("--out", type=Path, required=True, help="table to write, .parquet")
    return out


def make_plan(arguments: argparse.Namespace, runner: Runner | None = None) -> Plan:
    """Loads model and items and checks all of it before anything is sampled. ValueError in one line for bad input. `runner` runs HumanEval's programs."""
    if arguments.out.suffix != ".parquet":
        raise ValueError(f"--out is {arguments.out}; name a file that ends in .parquet")
    if arguments.out.exists():
        raise ValueError(f"--out {arguments.out} exists already; delete it or name another")
    check_task(arguments.task)
    if arguments.task in REAL_PASS_TASKS and arguments.items is None:
        raise ValueError(f"task {arguments.task} is published elsewhere; name its file {FILES[arguments.task][0]} ({FILES[arguments.task][1]}) with --items")
    target = None if arguments.method == "importance" else arguments.target or None
    folders = arguments.data or [DATA / "passuntil", DATA]
    model = load_model(arguments.model, folders, arguments.dtype, arguments.device)
    path = arguments.items or (model.data or folders[0]) / "items" / f"{arguments.task}.jsonl"
    task = load_asked(arguments.task, path, arguments.num_items, runner)
    max_new_tokens = task.max_new_tokens if arguments.max_new_tokens is None else arguments.max_new_tokens
    decoding = Decoding(max_new_tokens, task.stop, arguments.temperature, arguments.top_p)
    pieces = model.pieces(task.stop)
    proposal = _proposal(arguments, model, folders)
    if proposal is not None and proposal.pieces(task.stop) != pieces:
        raise ValueError(f"--proposal {arguments.proposal} has other tokens than --model {arguments.model}; take a model with the same tokenizer")
    for item in task.items:
        for each in (model, proposal or model):
            try:
                check_request(each.reader, each.encode_prompt(item.context), pieces, item.checker, decoding)
            except ValueError as error:
                raise ValueError(f"task {task.name}, item {item.item_id}: {error}") from error
    proposal_temperature = arguments.temperature if arguments.proposal_temperature is None else arguments.proposal_temperature
    return Plan(model, task, arguments.method, decoding, target, arguments.cap, proposal, proposal_temperature)


def _proposal(arguments: argparse.Namespace, model: PassModel, folders: list[Path]) -> PassModel | None:
    """The model that `importance` draws from; None for every other method."""
    if arguments.method != "importance":
        if arguments.proposal is not None or arguments.proposal_temperature is not None:
            raise ValueError(f"--proposal and --proposal-temperature belong to --method importance, not to {arguments.method}; leave them out")
        return None
    return load_model(arguments.proposal, folders, arguments.dtype, arguments.device) if arguments.proposal else model


class State:
    """Finished rows and the item under way, kept in a file beside the table; written at most every few seconds, and when the command ends."""

    def __init__(self, path: Path, settings: dict[str, object]):
        self._path, self._settings, self._last = path, settings, -math.inf
        self.rows: dict[int, dict] = {}
        self.open: dict[int, dict] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            found = held["settings"]
            rows, under_way = ({int(item_id): entry for item_id, entry in held[name].items()} for name in ("rows", "open"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path}: damaged state of an interrupted measurement ({error}); delete it to begin anew") from error
        for name, wanted in self._settings.items():
            if found.get(name) != wanted:
                raise ValueError(f"{self._path}: state of another measurement (field {name} is {found.get(name)!r}, not {wanted!r}); "
                                 "delete it or name another --out")
        self.rows, self.open = rows, under_way

    def save(self, is_due: bool = False) -> None:
        """Writes the file, atomically; without `is_due` only when the last time is some seconds ago."""
        if is_due or time.monotonic() - self._last >= SAVE_SECONDS:
            atomic_write(self._path, json.dumps({"settings": self._settings, "rows": self.rows, "open": self.open}).encode())
            self._last = time.monotonic()

    def save_or_remove(self) -> None:
        """Writes the file, or removes it where nothing is worth keeping."""
        if self.rows or self.open:
            self.save(is_due=True)
        else:
            self._path.unlink(missing_ok=True)


def answer_log_likelihood(reader: NextToken, prompt_ids: list[int], answer_ids: list[int]) -> float:
    """Sum over the answer's tokens of their log-probability behind the prompt, nats."""
    log_probabilities, frontier = reader.start(prompt_ids)
    total, root = 0.0, np.zeros(1, np.int64)
    for place, token in enumerate(answer_ids):
        total += float(log_probabilities[0, token])
        if place + 1 < len(answer_ids):
            log_probabilities, frontier = reader.extend(frontier, root, np.array([token]))
    return total


def measure_item(plan: Plan, item: Asked, pieces: list[bytes], state: dict | None, on_progress: Callable[[dict], None]) -> dict[str, object]:
    """The row of one item. ValueError in one line naming the item where the model or the checker fails."""
    model, decoding = plan.model, plan.decoding
    prompt_ids, answer_ids = model.encode_prompt(item.context), model.encode_answer(item.reference + decoding.stop)
    row: dict[str, object] = {**model.about, "task": plan.task.name, "item_id": item.item_id, "method": plan.method, "temperature": decoding.temperature,
                              "top_p": decoding.top_p, "target": plan.target or 0, "cap": plan.cap, "passes": 0, "attempts": 0, "is_reached": False,
                              "pass_positions": [], "log_pass_low": math.nan, "log_pass_high": math.nan, "answer_tokens": len(answer_ids)}
    if len(prompt_ids) + len(answer_ids) - 1 <= model.reader.max_sequence_length:
        row["answer_log_likelihood"] = answer_log_likelihood(model.reader, prompt_ids, answer_ids)
    else:
        row["answer_log_likelihood"] = math.nan
    if plan.method == "exact":
        began = time.perf_counter()
        bounds = pass_probability(model.reader, prompt_ids, pieces, item.checker, decoding, TOLERANCE, MAX_EVALUATIONS)
        return row | {"target": 0, "cap": 0, "log_pass_low": bounds.log_low, "log_pass_high": bounds.log_high, "num_evaluated": bounds.num_evaluated,
                      "seconds": time.perf_counter() - began}
    key = (str(model.about["run"]), plan.task.name, item.item_id)
    if plan.proposal is not None:
        weighted = importance_estimate(
            model.reader, plan.proposal.reader, prompt_ids, pieces, item.checker, decoding, plan.cap, key,
            replace(decoding, temperature=plan.proposal_temperature), TARGET_SHARE, state=state, on_progress=on_progress)
        return row | asdict(weighted)
    count = COUNTING[plan.method](model.reader, prompt_ids, pieces, item.checker, decoding, plan.target, plan.cap, key, state=state, on_progress=on_progress)
    return row | {"passes": count.passes, "attempts": count.attempts, "is_reached": count.is_reached, "pass_positions": list(count.pass_positions),
                  "num_evaluated": count.num_evaluated, "seconds": count.seconds}


def cost_line(plan: Plan, num_left: int) -> str:
    """The most that `num_left` items can cost, from the time of one wide step of the model."""
    reader, rows = plan.model.reader, np.zeros(PROBE_ROWS, np.int64)
    log_probabilities, frontier = reader.start(plan.model.encode_prompt(plan.task.items[0].context))
    tokens = np.argsort(-log_probabilities[0], kind="stable")[:PROBE_ROWS]
    moments = [time.perf_counter()]
    for _ in range(PROBES):  # the first one prepares things
        reader.extend(frontier, rows[: len(tokens)], tokens)
        moments.append(time.perf_counter())
    rate = len(tokens) / np.diff(moments).min()
    each = MAX_EVALUATIONS if plan.method == "exact" else plan.cap * plan.decoding.max_new_tokens
    usual = {"shared": "; shared prefixes and an early end usually leave a small part of it", "sampled": "; items that pass often end early"}
    most = f"{num_left} items, at most {num_left * each:,} tokens at {rate:,.0f} a second"
    return f"cost: {most}: at most {duration(num_left * each / rate)}{usual.get(plan.method, '')}"


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
                progress.update(len(state.rows), max(held["attempts"] / plan.cap, held["passes"] / (plan.target or math.inf)))

            try:
                row = measure_item(plan, item, pieces, state.open.get(item.item_id), on_progress)
            except ValueError as error:
                raise ValueError(f"task {plan.task.name}, item {item.item_id}: {error}") from error
            state.rows[item.item_id], state.open = row, {}
            state.save()
            progress.update(len(state.rows), 0.0)
    finally:
        state.save_or_remove()
    return pd.DataFrame([state.rows[item.item_id] for item in plan.task.items])


def summary(plan: Plan, table: pd.DataFrame) -> str:
    """One line for people."""
    if plan.method == "exact":
        low, high = (np.exp(table[column]).mean() for column in ("log_pass_low", "log_pass_high"))
        return f"{plan.task.name}: mean pass probability between {low:.3g} and {high:.3g}, {len(table)} items"
    if plan.method == "importance":
        error = math.sqrt((table.standard_error**2).sum()) / len(table)
        return (f"{plan.task.name}: mean pass probability {table.estimate.mean():.3g}, standard error {error:.2g}, {len(table)} items, "
                f"smallest effective sample {table.effective_sample_size.min():.1f} passes")
    ended = "fixed number of attempts" if plan.target is None else f"{int(table.is_reached.sum())} reached {plan.target} passes"
    rate = (table.passes / table.attempts).mean()
    return f"{plan.task.name}: mean of passes / attempts {rate:.3g}, {len(table)} items, {ended}, {table.seconds.sum():.1f} s"


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 2 for bad input with one line on stderr; 1 where the disk or the model failed on the way; 130 after Ctrl-C. What was counted is kept."""
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
        print(cost_line(plan, num_items - num_done) + (f"; {num_done} items are done already" if num_done else ""), flush=True)
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
