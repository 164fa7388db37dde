"""Attempts per second of PassUntil against batched, cached `transformers.generate`: same model, same items, same
checkers, one thread each.

    python -m benchmarks.passuntil [--model CHECKPOINT] [--tasks ...] [--minutes 12]

Per task and K = 1e3, 1e4, 1e5 attempts per item: our shared prefixes (method "shared"), which draw K attempts as counts
on a tree, and our plain sampling (method "sampled"). The peer draws one by one, so its rate does not depend on K; it
and plain sampling are timed at fewer attempts (`timed_attempts`, `peer_timed_attempts`). The peer's batch size, and
whether its rows repeat the prompt's cache or read the prompt again, are searched for each task. All take turns, item by
item and round by round; rates are sums over the items of a round, the row has the median over the rounds. Rates are
attempts per CPU second (on a GPU per second). vLLM is timed where it is installed and a GPU is there.
`length_and_entropy`: how the gain falls with the length of an answer and with the entropy of an attempt, on the
shortest prompt, where no branch is ever dropped. Writes benchmarks/results/passuntil.json.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from benchmarks.passuntil_peer import (
    GeneratePeer,
    Peer,
    VLLMPeer,
    ending_tokens,
    has_vllm,
    is_timed,
    with_batch,
    with_pieces,
)
from benchmarks.passuntil_rows import ATTEMPTS, PLAIN_ATTEMPTS, goals, line, task_rows, write_bench
from corpus import tokenizer as own_tokenizer
from evaluation.passuntil.attempt import Decoding, attempt_log_weights
from evaluation.passuntil.estimates import count_until, sample_until
from evaluation.passuntil.inputs import PassItem, PassItems, PassModel, load_model, load_pass_items
from evaluation.passuntil.randomness import attempt_uniforms, draw_tokens, stream_key
from models import checkpoint, huggingface
from tasks import PASS_TASKS

ROOT = Path(__file__).resolve().parent
DATA = [ROOT.parent / "data" / "passuntil", ROOT.parent / "data"]
NUM_ITEMS, MAX_ROUNDS, MINUTES = 3, 5, 12.0
PEER_BATCHES = (64, 256, 1024)
STATISTICS_ATTEMPTS = 512
LENGTHS, TEMPERATURES, SWEEP_ATTEMPTS, SWEEP_LENGTH = (2, 4, 8, 16, 32), (0.3, 0.6, 1.0, 1.5), 10_000, 8
SWEEP_SHARE = 0.15  # of the time


class AnyText:
    """Passes nothing and keeps every branch open: what the tree gains without a checker's help."""

    def passes(self, text: str) -> bool:
        """Never."""
        return False

    def viable(self, text: str) -> bool:
        """Always."""
        return True

    def accepted(self) -> None:
        """Not listed."""


def clock() -> float:
    """CPU seconds of this process, so that other load does not count; on a GPU seconds."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    began = clock()
    work()
    return clock() - began


def largest_checkpoint(folder: Path, data: Path) -> Path:
    """The checkpoint of the most parameters, then the most tokens, under `folder` that was trained with the tokenizer
    of `data`. ValueError without one."""
    fingerprint, found = own_tokenizer.fingerprint(own_tokenizer.load_tokenizer(data / "tokenizer.json")), []
    for path in sorted(folder.rglob("checkpoints/*.safetensors")):
        try:
            with safe_open(str(path), framework="pt") as file:
                header = file.metadata() or {}
        except (SafetensorError, OSError):
            continue  # one that is being written now
        if header.get("tokenizer_fingerprint") == fingerprint:
            found.append((path.stat().st_size, int(header["tokens_seen"]), path))
    if not found:
        raise ValueError(
            f"no checkpoint under {folder} has the tokenizer of {data}; train the series or name one with --model"
        )
    return max(found)[-1]


class PassBench:
    """The model on both sides, and how each draws attempts."""

    def __init__(self, path: Path, folder: Path):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model: PassModel = load_model(str(path), DATA, device=device)
        self.pieces = self.model.pieces("")
        llama = huggingface.to_llama(checkpoint.load(path)[0])
        self.peers = [GeneratePeer(llama.to(device), self.pieces)]
        if has_vllm():
            llama.save_pretrained(folder)
            self.peers.append(VLLMPeer(folder, self.pieces))

    def without_ends(self) -> PassBench:
        """The same with a tokenizer none of whose tokens ends an attempt: without a stop all attempts are of one
        length."""
        other = copy.copy(self)
        other.pieces = [piece or b" " for piece in self.pieces]
        other.peers = [with_pieces(peer, other.pieces) for peer in self.peers]
        return other

    def count(self, item: PassItem, decoding: Decoding, num_attempts: int, turn: int) -> float:
        """Seconds of our shared prefixes."""
        key = (f"turn {turn}", "benchmark", item.item_id)
        ids = self.model.encode_prompt(item.context)
        return timed(
            lambda: count_until(self.model.reader, ids, self.pieces, item.checker, decoding, None, num_attempts, key)
        )

    def sample(self, item: PassItem, decoding: Decoding, turn: int) -> float:
        """Seconds of PLAIN_ATTEMPTS of our plain sampling."""
        key = (f"turn {turn}", "benchmark", item.item_id)
        ids = self.model.encode_prompt(item.context)
        return timed(
            lambda: sample_until(self.model.reader, ids, self.pieces, item.checker, decoding, None, PLAIN_ATTEMPTS, key)
        )

    def peer(self, peer: Peer, item: PassItem, decoding: Decoding, num_attempts: int = PLAIN_ATTEMPTS) -> float:
        """Seconds of a peer's attempts."""
        ids = self.model.encode_prompt(item.context)
        return timed(lambda: peer.count_passes(ids, item.checker, decoding, num_attempts))

    def tuned_peers(self, item: PassItem, decoding: Decoding) -> list[Peer]:
        """The peers in the way that is fastest on this task."""
        generate, *others = self.peers

        def cost(way: GeneratePeer) -> float:
            return self.peer(way, item, decoding, way.batch) / way.batch

        smallest = min(PEER_BATCHES)
        cost(with_batch(generate, smallest, True))  # first calls load the libraries' kernels
        reuses = min((True, False), key=lambda reuses: cost(with_batch(generate, smallest, reuses)))
        return [min((with_batch(generate, batch, reuses) for batch in PEER_BATCHES), key=cost), *others]

    def attempt_statistics(self, item: PassItem, decoding: Decoding) -> dict[str, float]:
        """Mean length of an attempt in tokens and its entropy in nats (mean negative log-probability), over
        STATISTICS_ATTEMPTS attempts."""
        log_probabilities, frontier = self.model.reader.start(self.model.encode_prompt(item.context))
        stream, ends = stream_key("statistics", item.item_id), ending_tokens(self.pieces, decoding.stop)
        running, rows = np.arange(STATISTICS_ATTEMPTS), np.zeros(STATISTICS_ATTEMPTS, np.int64)
        lengths, nats = np.zeros(STATISTICS_ATTEMPTS), np.zeros(STATISTICS_ATTEMPTS)
        for place in range(decoding.max_new_tokens):
            logs = attempt_log_weights(log_probabilities, decoding)[rows]
            tokens = draw_tokens(np.exp(logs), attempt_uniforms(stream, running, place))
            lengths[running] += 1
            nats[running] -= logs[np.arange(len(running)), tokens]
            goes_on = ~np.isin(tokens, ends)
            if not goes_on.any() or place + 1 == decoding.max_new_tokens:
                break
            log_probabilities, frontier = self.model.reader.extend(frontier, rows[goes_on], tokens[goes_on])
            running, rows = running[goes_on], np.arange(goes_on.sum())
        return {"attempt_tokens": round(float(lengths.mean()), 2), "attempt_entropy_nats": round(float(nats.mean()), 3)}


def bench_task(bench: PassBench, task: PassItems, budget_seconds: float) -> list[dict]:
    """Rows of one task: shared at every K, and plain sampling. Rounds go on until the time is spent; the first one may
    end after an item for that."""
    decoding, deadline, items = Decoding(task.max_new_tokens, task.stop), clock() + budget_seconds, list(task.items)
    peers = bench.tuned_peers(task.items[0], decoding)
    bench.count(task.items[0], decoding, ATTEMPTS[0], -1)
    seconds: dict[object, list[float]] = {}
    for turn in range(MAX_ROUNDS):  # interleaved, so that a busy spell of the machine falls on all
        began, sums = clock(), dict.fromkeys([*ATTEMPTS, "sampled", *(peer.about for peer in peers)], 0.0)
        for place, item in enumerate(items):
            if turn == 0 and place and clock() > deadline:
                del items[place:]
                break
            for num_attempts in ATTEMPTS:
                sums[num_attempts] += bench.count(item, decoding, num_attempts, turn)
            sums["sampled"] += bench.sample(item, decoding, turn)
            for peer in peers:
                sums[peer.about] += bench.peer(peer, item, decoding)
        for name, value in sums.items():
            seconds.setdefault(name, []).append(value)
        if clock() + (clock() - began) > deadline:
            break
    statistics_ = [bench.attempt_statistics(item, decoding) for item in items]
    about = {name: round(statistics.mean(row[name] for row in statistics_), 3) for name in statistics_[0]}
    is_listed = task.items[0].checker.accepted() is not None
    return task_rows(task.name, seconds, len(items), {**about, "is_exact_answer": is_listed})


def length_and_entropy(bench: PassBench, item: PassItem, budget_seconds: float) -> list[dict]:
    """The ratio at SWEEP_ATTEMPTS attempts by length at temperature 1, and by temperature at one length; no stop, no
    branch dropped. Cheap rows first. Lengths that do not fit behind the prompt are left out."""
    deadline, rows = clock() + budget_seconds, []
    open_item = PassItem(item.item_id, item.context, item.reference, AnyText())
    peer = bench.tuned_peers(open_item, Decoding(SWEEP_LENGTH, ""))[0]
    room = bench.model.reader.max_sequence_length - len(bench.model.encode_prompt(item.context))
    for length, temperature in sorted(
        {(length, 1.0) for length in LENGTHS if length <= room}
        | {(SWEEP_LENGTH, temperature) for temperature in TEMPERATURES}
    ):
        if clock() > deadline:
            break
        decoding = Decoding(length, "", temperature)
        seconds = {
            SWEEP_ATTEMPTS: [bench.count(open_item, decoding, SWEEP_ATTEMPTS, 0)],
            "sampled": [bench.sample(open_item, decoding, 0)],
            peer.about: [bench.peer(peer, open_item, decoding)],
        }
        about = {"max_new_tokens": length, "temperature": temperature, **bench.attempt_statistics(open_item, decoding)}
        rows += [row for row in task_rows("any text", seconds, 1, about) if row["method"] == "shared"]
    return rows


def asked_tasks(bench: PassBench, names: list[str] | None, num_items: int) -> list[PassItems]:
    """The tasks that there are items for beside the model's tokenizer and that the peer can end; those of `names` must
    be such. ValueError where none is."""
    items = bench.model.data / "items"
    chosen = names or [name for name in (*PASS_TASKS, "exam", "exam_zh") if (items / f"{name}.jsonl").exists()]
    if not chosen:
        raise ValueError(f"{items}: no items of a task with checkers; build them with `python -m corpus`")
    tasks = [load_pass_items(name, items / f"{name}.jsonl", num_items) for name in chosen]
    for task in tasks if names else ():
        ending_tokens([], task.stop)
    return [task for task in tasks if is_timed(task.stop)]


def main() -> int:
    """Measure task by task, write, print; exit code 2 with one line for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, help="checkpoint; by default the largest one of a series of paper P under results/"
    )
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help="CPU time of the whole run, about; at least one item of every task is measured",
    )
    parser.add_argument("--num-items", type=int, default=NUM_ITEMS)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "passuntil.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            bench = PassBench(arguments.model or largest_checkpoint(ROOT.parent / "results", DATA[0]), Path(folder))
            tasks = asked_tasks(bench, arguments.tasks, arguments.num_items)
        except ValueError as error:
            print(f"passuntil: {error}", file=sys.stderr)
            return 2
        rows, ends = [], clock() + 60 * arguments.minutes
        for place, task in enumerate(tasks):
            left = ends - clock() - 60 * arguments.minutes * SWEEP_SHARE
            rows += bench_task(bench, task, left / (len(tasks) - place))
            print(*map(line, rows[-len(ATTEMPTS) - 1 :]), sep="\n", flush=True)
            write_bench(arguments.out, bench, rows, [])
        shortest = min(
            (item for task in tasks for item in task.items),
            key=lambda item: len(bench.model.encode_prompt(item.context)),
        )
        sweep = length_and_entropy(bench.without_ends(), shortest, ends - clock())
    write_bench(arguments.out, bench, rows, sweep)
    print(
        *map(line, sweep),
        *(
            f"{name}: goal {goal['goal']}, smallest ratio {goal['smallest_ratio']}"
            for name, goal in goals(rows).items()
        ),
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
