"""Items per second of evaluation/ against lm-evaluation-harness: same checkpoint, same items, one thread each, and the scores must agree.

    python -m benchmarks.evaluation [--peer-python PATH]

Trains the profile's 0.8M model for a few steps (an untrained one would never end an answer), exports it to transformers' format and the items to local
YAML tasks, then lets both sides score five tasks in turn: choices of one token, choices of several tokens, short answers, chains of thought.
Timed on both sides: from items in memory to scores in memory, tokenization included, loading excluded. Writes benchmarks/results/evaluation.json.
The harness runs with each batch size of PEER_BATCH_SIZES; its best one counts. CPU seconds are compared: one thread each, so they equal wall time on a
quiet machine and still compare on a busy one. `--peer-python`: Python of an environment with lm-eval and accelerate, by default this one.
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
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from corpus.__main__ import tokenizer_texts
from corpus.mixture import Mixture
from corpus.stream import TokenStream, batches
from corpus.tokenizer import BOS, BOS_ID, PieceEncoder, fingerprint, train
from corpus.world import make_world
from evaluation.scoring import score_items
from experiments.profiles import load_profile
from models import checkpoint, huggingface
from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.train import train as train_model
from tasks import TASKS
from tasks.base import Item, make_items

ROOT = Path(__file__).resolve().parent
TASK_NAMES = ("exam", "reading", "endings", "recall", "maths")
PROFILE, SIZE, TRAIN_TOKENS, NUM_ITEMS = "cpu", "0.8M", 200_000, 100
PEER_BATCH_SIZES = (64,)
REPEATS = 2
TOLERANCE_NATS = 1e-3  # fp32 sums in another order, over up to 22 tokens


def trained_model(folder: Path) -> tuple[GPT, Tokenizer, dict[str, list[Item]]]:
    """The size's model after TRAIN_TOKENS tokens, its tokenizer, and NUM_ITEMS items of each task."""
    profile = load_profile(PROFILE)
    world = make_world(profile.corpus.world_seed)
    tokenizer = train(tokenizer_texts(world))
    encoder = PieceEncoder(tokenizer)
    source = TokenStream(world, Mixture(profile.corpus.mixture, world, encoder), encoder, seed=0)
    shared, shape = profile.training, profile.sizes[SIZE]
    fields = {name: getattr(shape, name) for name in ("num_layers", "d_model", "num_heads", "num_kv_heads", "d_ff")}
    config = GPTConfig(vocab_size=tokenizer.get_vocab_size(), max_sequence_length=shared.sequence_length, **fields)
    record = TrainConfig(run="benchmark", seed=0, data_seed=0, total_tokens=TRAIN_TOKENS, batch_sequences=shared.batch_sequences,
                         sequence_length=shared.sequence_length, max_lr=shape.max_lr, warmup_tokens=20_000, checkpoint_tokens=(TRAIN_TOKENS,))
    train_model(config, record, lambda step: batches(source, shared.batch_sequences, shared.sequence_length, step), folder, fingerprint(tokenizer))
    model, _ = checkpoint.load(sorted((folder / "checkpoints").iterdir())[-1], fingerprint(tokenizer))
    return model, tokenizer, {name: make_items(TASKS[name], world, NUM_ITEMS) for name in TASK_NAMES}


def export(folder: Path, model: GPT, tokenizer: Tokenizer, items: dict[str, list[Item]]) -> None:
    """model/ in transformers' format and tasks/: one YAML and one jsonl a task, as a user of the harness would write them."""
    huggingface.to_llama(model).save_pretrained(folder / "model")
    exported = Tokenizer.from_str(tokenizer.to_str())
    exported.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    PreTrainedTokenizerFast(tokenizer_object=exported, bos_token=BOS, eos_token=BOS, pad_token=BOS, clean_up_tokenization_spaces=False,
                            model_max_length=model.config.max_sequence_length).save_pretrained(folder / "model")
    (folder / "tasks").mkdir()
    for name, rows in items.items():
        task, data = TASKS[name], folder / "tasks" / f"{name}.jsonl"
        config = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}}, "test_split": "test", "doc_to_text": "context",
                  "target_delimiter": "", "doc_to_target": "answer", "metadata": {"version": task.version}}
        if task.answer_form == "choice":
            docs = [{"context": row.requests[0][0], "choices": [choice for _, choice in row.requests], "answer": row.answer} for row in rows]
            config |= {"output_type": "multiple_choice", "doc_to_choice": "choices", "metric_list": [{"metric": "acc"}]}
        else:
            docs = [{"context": row.requests[0][0], "answer": row.answer} for row in rows]
            config |= {"output_type": "generate_until", "metric_list": [{"metric": "exact_match"}],
                       "generation_kwargs": {"until": [task.stop], "max_gen_toks": task.max_new_tokens, "do_sample": False}}
        data.write_text("".join(json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs), encoding="utf-8")
        (folder / "tasks" / f"{name}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def score_ours(model: GPT, tokenizer: Tokenizer, items: dict[str, list[Item]]) -> dict[str, dict]:
    """Seconds and tables of one pass over the tasks."""
    out = {}
    for name, rows in items.items():
        wall, cpu = time.perf_counter(), time.process_time()
        table = score_items(model, tokenizer, rows, TASKS[name])
        out[name] = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu, "table": table}
    return out


def score_peer(folder: Path, python: str, batch_size: int) -> dict:
    """The same by the harness, in its own process."""
    subprocess.run([python, str(ROOT / "evaluation_peer.py"), str(folder), str(batch_size)], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "peer.json").read_text())


def differences(ours: dict[str, dict], peer: dict) -> dict[str, dict]:
    """Per task the largest difference of a choice's log-likelihood in nats, and how many generations differ. AssertionError where the scores disagree."""
    out = {}
    for name, mine in ours.items():
        table, responses = mine["table"], peer["tasks"][name]["responses"]
        if TASKS[name].answer_form == "choice":
            theirs = [[response[0][0] for response in row] for row in responses]
            gap = max(abs(np.array(a) - np.array(b, float)).max() for a, b in zip(table.log_likelihoods, theirs, strict=True))
            assert gap <= TOLERANCE_NATS, f"{name}: log-likelihoods differ by {gap} nats"
            out[name] = {"max_difference_nats": float(gap)}
        else:
            texts = [row[0][0] for row in responses]
            out[name] = {"generations_that_differ": sum(a.strip() != b.strip() for a, b in zip(table.generated, texts, strict=True))}
            assert out[name]["generations_that_differ"] == 0, f"{name}: {out[name]}"
    return out


def summarize(rounds: list[tuple[dict, dict[int, dict]]]) -> list[dict]:
    """One row per task and one for all: best of the repeats, the harness at its best batch size."""
    rows, total_ours, total_peer = [], 0.0, 0.0
    for name in TASK_NAMES:
        ours = min(mine[name]["cpu_seconds"] for mine, _ in rounds)
        by_batch = {size: min(peers[size]["tasks"][name]["cpu_seconds"] for _, peers in rounds) for size in PEER_BATCH_SIZES}
        best = min(by_batch, key=by_batch.get)
        total_ours, total_peer = total_ours + ours, total_peer + by_batch[best]
        rows.append({"task": name, "num_items": NUM_ITEMS, "items_per_second": NUM_ITEMS / ours, "peer_items_per_second": NUM_ITEMS / by_batch[best],
                     "ratio": by_batch[best] / ours, "peer_batch_size": best, **differences(rounds[0][0], rounds[0][1][best])[name]})
    num_items = NUM_ITEMS * len(TASK_NAMES)
    rows.append({"task": "all", "num_items": num_items, "items_per_second": num_items / total_ours, "peer_items_per_second": num_items / total_peer,
                 "ratio": total_peer / total_ours})
    return rows


def main() -> None:
    """Train, export, measure in turn, check, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="Python of an environment with lm-eval and accelerate")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, tokenizer, items = trained_model(folder / "run")
        export(folder, model, tokenizer, items)
        score_ours(model, tokenizer, {name: rows[:8] for name, rows in items.items()})  # first calls load the libraries' kernels
        rounds = []
        for _ in range(REPEATS):
            mine = score_ours(model, tokenizer, items)
            rounds.append((mine, {size: score_peer(folder, arguments.peer_python, size) for size in PEER_BATCH_SIZES}))
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": 1, "python": platform.python_version(),
               "torch": torch.__version__, "transformers": transformers.__version__, "lm_eval": rounds[0][1][PEER_BATCH_SIZES[0]]["version"]}
    rows = summarize(rounds)
    (ROOT / "results").mkdir(exist_ok=True)
    (ROOT / "results" / "evaluation.json").write_text(json.dumps({"machine": machine, "size": SIZE, "parameters": model.config.num_parameters,
                                                                  "time": "CPU seconds, best of repeats", "repeats": REPEATS, "rows": rows}, indent=1) + "\n")
    for row in rows:
        print(f"{row['task']:10s} {row['items_per_second']:8.0f} items/s, harness {row['peer_items_per_second']:7.1f}, ratio {row['ratio']:5.1f}")


if __name__ == "__main__":
    main()
