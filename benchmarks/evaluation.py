"""Items per second of evaluation/ against lm-evaluation-harness: same checkpoints, same items, one thread each, and the
scores must agree.

    python -m benchmarks.evaluation [--peer-python PATH]

Trains the smallest and a large model of the profile for a few steps (untrained ones would never end an answer), exports
them to transformers' format and the items to local YAML tasks, then lets both sides score five tasks in turn: choices
of one token, choices of several tokens, short answers, chains of thought. Timed on both sides: from items in memory to
scores in memory, tokenization included; row "all" has the sums, row "all, with loading" adds reading the checkpoint
and, for the harness, its tasks. Row "all, next checkpoint" is what a sweep does again and again: loading and scoring
where the same items were asked before, whose tokens are then at hand here and are read again by the harness. Each row
once with products in fp32, as the harness runs, and once in bf16. Writes benchmarks/results/evaluation.json. CPU
seconds are compared: one thread each, so they equal wall time on a quiet machine and still compare on a busy one.
`--peer-python`: Python of an environment with lm-eval and accelerate, by default this one.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers
import yaml
from tokenizers import Tokenizer

from corpus.build import tokenizer_texts
from corpus.mixture import Mixture
from corpus.stream import TokenStream
from corpus.token_file import batches
from corpus.tokenizer import PieceEncoder, fingerprint
from corpus.tokenizer_training import train_tokenizer
from corpus.world import make_world
from evaluation.readers.contexts import read_questions
from evaluation.scoring.log_likelihoods import prepare, score_items
from models import checkpoint, huggingface
from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.train import train as train_model
from profiles.profile import load_profile
from tasks import TASKS
from tasks.base import Item, make_items

ROOT = Path(__file__).resolve().parent
TASK_NAMES = ("exam", "reading", "endings", "recall", "maths")
PROFILE, SIZES, TRAIN_TOKENS, NUM_ITEMS = "cpu", ("0.05M", "0.8M"), 200_000, 100
PEER_BATCH_SIZE = 64  # not swept: 64 prompts of some 80 tokens already make its products large, as ours are
REPEATS = 2
PRECISIONS = ("fp32", "bf16")
TOLERANCE_NATS = {"fp32": 1e-3, "bf16": 0.3}  # fp32 sums in another order, over up to 22 tokens; bf16 has 8 bits
NEXT = "all, next checkpoint"


class EvaluationBench:
    """The world, tokenizer and items that all sizes share."""

    def __init__(self):
        self.profile = load_profile(PROFILE)
        self.world = make_world(self.profile.corpus.world_seed)
        self.tokenizer = train_tokenizer(tokenizer_texts(self.world))
        self.items = {name: make_items(TASKS[name], self.world, NUM_ITEMS) for name in TASK_NAMES}

    def trained(self, size: str, folder: Path) -> Path:
        """Checkpoint of a size after TRAIN_TOKENS tokens."""
        encoder = PieceEncoder(self.tokenizer)
        source = TokenStream(self.world, Mixture(self.profile.corpus.mixture, self.world, encoder), encoder, seed=0)
        shared, shape = self.profile.training, self.profile.sizes[size]
        fields = {name: getattr(shape, name) for name in ("num_layers", "d_model", "num_heads", "num_kv_heads", "d_ff")}
        config = GPTConfig(
            vocab_size=self.tokenizer.get_vocab_size(), max_sequence_length=shared.sequence_length, **fields
        )
        record = TrainConfig(
            run="benchmark",
            seed=0,
            data_seed=0,
            total_tokens=TRAIN_TOKENS,
            batch_sequences=shared.batch_sequences,
            sequence_length=shared.sequence_length,
            max_lr=shape.max_lr,
            warmup_tokens=20_000,
            checkpoint_tokens=(TRAIN_TOKENS,),
        )
        train_model(
            config,
            record,
            lambda step: batches(source, shared.batch_sequences, shared.sequence_length, step),
            folder,
            fingerprint(self.tokenizer),
        )
        return max((folder / "checkpoints").iterdir())

    def measure(self, size: str, folder: Path, peer_python: str) -> list[dict]:
        """Rows of one size; `folder` is empty."""
        path = self.trained(size, folder / "run")
        model, _ = checkpoint.load(path)
        export(folder, model, self.tokenizer, self.items)
        for precision in PRECISIONS:
            score_ours(
                path, self.tokenizer, {name: rows[:8] for name, rows in self.items.items()}, precision
            )  # first calls load the libraries' kernels
        rounds = []
        for _ in range(REPEATS):
            ours = {}
            for precision in PRECISIONS:
                read_questions.cache_clear()
                ours[precision] = [
                    score_ours(path, self.tokenizer, self.items, precision) for _ in range(2)
                ]  # the first checkpoint, and the next
            rounds.append((ours, score_peer(folder, peer_python)))
        return [
            {"size": size, "parameters": model.config.num_parameters, **row}
            for precision in PRECISIONS
            for row in summarize(rounds, precision)
        ]


def export(folder: Path, model: GPT, tokenizer: Tokenizer, items: dict[str, list[Item]]) -> None:
    """model/ in transformers' format and tasks/: one YAML and one jsonl a task, as a user of the harness would write
    them."""
    huggingface.save_llama(folder / "model", model, tokenizer)
    (folder / "tasks").mkdir()
    for name, rows in items.items():
        task, data = TASKS[name], folder / "tasks" / f"{name}.jsonl"
        config = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "doc_to_text": "context",
            "target_delimiter": "",
            "doc_to_target": "answer",
            "metadata": {"version": task.version},
        }
        if task.answer_form == "choice":
            docs = [
                {"context": row.requests[0][0], "choices": [choice for _, choice in row.requests], "answer": row.answer}
                for row in rows
            ]
            config |= {"output_type": "multiple_choice", "doc_to_choice": "choices", "metric_list": [{"metric": "acc"}]}
        else:
            docs = [{"context": row.requests[0][0], "answer": row.answer} for row in rows]
            config |= {
                "output_type": "generate_until",
                "metric_list": [{"metric": "exact_match"}],
                "generation_kwargs": {"until": [task.stop], "max_gen_toks": task.max_new_tokens, "do_sample": False},
            }
        data.write_text("".join(json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs), encoding="utf-8")
        (folder / "tasks" / f"{name}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def score_ours(path: Path, tokenizer: Tokenizer, items: dict[str, list[Item]], precision: str) -> dict:
    """Seconds and tables of one pass over the tasks."""
    cpu = time.process_time()
    model = prepare(checkpoint.load(path)[0], precision)
    out = {"load_cpu_seconds": time.process_time() - cpu, "tasks": {}}
    for name, rows in items.items():
        cpu = time.process_time()
        table = score_items(model, tokenizer, rows, TASKS[name])
        out["tasks"][name] = {"cpu_seconds": time.process_time() - cpu, "table": table}
    return out


def score_peer(folder: Path, python: str) -> dict:
    """The same by the harness, in its own process."""
    # -P and another working directory: transformers looks for the published package `kernels`, and must not find a file
    # or room of that name here.
    command = [python, "-P", str(ROOT / "evaluation_peer.py"), str(folder), str(PEER_BATCH_SIZE)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    return json.loads((folder / "peer.json").read_text())


def differences(ours: dict, peer: dict, precision: str) -> dict[str, dict]:
    """Per task the largest difference of a choice's log-likelihood in nats, and how many generations differ.
    AssertionError where the scores disagree."""
    out = {}
    for name, mine in ours["tasks"].items():
        table, responses = mine["table"], peer["tasks"][name]["responses"]
        if TASKS[name].answer_form == "choice":
            theirs = [[response[0][0] for response in row] for row in responses]
            gap = max(
                abs(np.array(a) - np.array(b, float)).max() for a, b in zip(table.log_likelihoods, theirs, strict=True)
            )
            assert gap <= TOLERANCE_NATS[precision], f"{name}: log-likelihoods differ by {gap} nats"
            out[name] = {"max_difference_nats": float(gap)}
        else:
            texts = [row[0][0] for row in responses]
            out[name] = {
                "generations_that_differ": sum(
                    a.strip() != b.strip() for a, b in zip(table.generated, texts, strict=True)
                )
            }
            assert precision != "fp32" or out[name]["generations_that_differ"] == 0, f"{name}: {out[name]}"
    return out


def summarize(rounds: list[tuple[dict, dict]], precision: str) -> list[dict]:
    """One row per task, one for all, one with loading, one for the next checkpoint: best of the repeats. The scores of
    the first round are compared."""
    gaps = differences(rounds[0][0][precision][0], rounds[0][1], precision)
    passes = [(*ours[precision], peer) for ours, peer in rounds]  # first checkpoint, next checkpoint, harness
    best = {
        name: [min(one["tasks"][name]["cpu_seconds"] for one in side) for side in zip(*passes, strict=True)]
        for name in TASK_NAMES
    }
    first, following, peer = (sum(best[name][side] for name in TASK_NAMES) for side in range(3))
    load_first, load_following, load_peer = (
        min(one["load_cpu_seconds"] for one in side) for side in zip(*passes, strict=True)
    )
    seconds = {name: (best[name][0], best[name][2]) for name in TASK_NAMES}
    seconds |= {
        "all": (first, peer),
        "all, with loading": (first + load_first, peer + load_peer),
        NEXT: (following + load_following, peer + load_peer),
    }
    rows = []
    for name, (ours, theirs) in seconds.items():
        num_items = NUM_ITEMS if name in TASK_NAMES else NUM_ITEMS * len(TASK_NAMES)
        rates = {
            "items_per_second": num_items / ours,
            "peer_items_per_second": num_items / theirs,
            "ratio": theirs / ours,
        }
        rows.append({"task": name, "precision": precision, "num_items": num_items, **rates, **gaps.get(name, {})})
    return rows


def main() -> None:
    """Train, export, measure in turn, check, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peer-python", default=sys.executable, help="Python of an environment with lm-eval and accelerate"
    )
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    bench, rows = EvaluationBench(), []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows += bench.measure(size, Path(folder), arguments.peer_python)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
        **versions,
    }
    out = {
        "machine": machine,
        "load_average": os.getloadavg()[0],
        "peer": "lm-evaluation-harness",
        "time": "CPU seconds, best of repeats",
        "repeats": REPEATS,
        "peer_batch_size": PEER_BATCH_SIZE,
        "train_tokens": TRAIN_TOKENS,
        "rows": rows,
    }
    (ROOT / "results").mkdir(exist_ok=True)
    (ROOT / "results" / "evaluation.json").write_text(json.dumps(out, indent=1) + "\n")
    for row in rows:
        rates = (
            f"{row['items_per_second']:6.0f} items/s, harness {row['peer_items_per_second']:6.0f}, ratio"
            f" {row['ratio']:5.1f}"
        )
        print(f"{row['size']:6s} {row['precision']} {row['task']:20s} {rates}")


def processor() -> str:
    """The processor's name where the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
