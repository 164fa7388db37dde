"""`python -m evaluation.scoring`: the score of any model on a benchmark of paper L or on one of our stand-ins, one row
of a table per item.

    python -m evaluation.scoring --model FOLDER --task MMLU --data path/to/files --out mmlu.parquet
    python -m evaluation.scoring --model FOLDER --task MMLU --data hub --form cloze --out mmlu_cloze.parquet
    python -m evaluation.scoring --model FOLDER --task exam --data data --out exam.parquet
    python -m evaluation.scoring --model CHECKPOINT.safetensors --task exam --data data --out exam.parquet

Choices are scored by the sum of the log-probabilities of their tokens behind the context, in nats, as
lm-evaluation-harness does; open questions are answered greedily. Prompts and numbers of shots are those of
tasks/real/forms.py. --form cloze asks the exams by the texts of their choices. Nothing is downloaded but with --data
hub: fetch a model first (`hf download NAME`).

Columns: run, weight_hash, config_hash, tokenizer_hash, number_format, prompting, num_shots, and those that
evaluation.scoring.log_likelihoods.score_items names.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import pandas as pd

from evaluation.passuntil.inputs import DTYPES, checked_device, find_tokenizer
from evaluation.passuntil.progress import PassProgress
from evaluation.readers.contexts import Questions, check_lengths
from evaluation.readers.model_huggingface import LoadedModel, load_huggingface
from evaluation.readers.next_token_huggingface import HuggingFaceReader
from evaluation.readers.pieces_huggingface import backend
from evaluation.scoring import huggingface, metrics
from evaluation.scoring.asked import ANSWERS, load_asked
from evaluation.scoring.item_tables import choice_table, open_table
from evaluation.scoring.log_likelihoods import score_items
from files.atomic import atomic_write, explain
from models import checkpoint
from profiles.paths import ROOT
from tasks.base import Item, Task

BATCH_TOKENS = 4096


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m evaluation.scoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument(
        "--model", required=True, help="a folder in the format of transformers, a name in the local cache of the hub,"
        " or a .safetensors checkpoint of this project",
    )  # fmt: skip
    out.add_argument("--task", required=True, help="a published benchmark (MMLU, ...) or one of our tasks (exam, ...)")
    out.add_argument(
        "--data", default="data", help="folder with the benchmark's files or with items/ of ours, or hub (default data)"
    )
    out.add_argument("--form", choices=ANSWERS, default="letter", help="how exams are asked (default letter)")
    out.add_argument("--num-shots", type=int, help="examples in the prompt (default: that of the benchmark)")
    out.add_argument("--num-items", type=int, help="score only the first NUM_ITEMS items")
    out.add_argument(
        "--dtype", choices=tuple(DTYPES), default="float32", help="of a transformers model (default float32)"
    )
    out.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps (default cpu)")
    out.add_argument(
        "--batch-tokens", type=int, default=BATCH_TOKENS, help=f"tokens of a forward pass (default {BATCH_TOKENS})"
    )
    out.add_argument("--tokenizer", type=Path, help="of a .safetensors checkpoint: folder of its tokenizer.json")
    out.add_argument("--out", type=Path, required=True, help="table to write, .parquet")
    return out


def score_foreign(
    loaded: LoadedModel, task: Task, items: tuple[Item, ...], batch_tokens: int, progress: huggingface.Progress
) -> pd.DataFrame:
    """The rows of all items by a model of transformers; columns as score_items. progress: told of requests done.
    ValueError in one line for a prompt longer than the model's context and logits that are not finite."""
    questions = Questions(backend(loaded.tokenizer), items, task)
    check_lengths(questions.contexts, task, HuggingFaceReader(loaded.model).max_sequence_length)
    contexts = questions.fresh_contexts()
    huggingface.score_contexts(loaded.model, contexts, batch_tokens, progress)
    if task.answer_form == "choice":
        return choice_table(items, task, contexts, questions.places)
    return open_table(huggingface.answers(loaded, contexts, task, progress), items, task, contexts, questions.places)


def score(arguments: argparse.Namespace) -> tuple[Task, pd.DataFrame]:
    """The task and its table. ValueError in one line for bad input."""
    if arguments.out.suffix != ".parquet":
        raise ValueError(f"--out is {arguments.out}; name a file that ends in .parquet")
    if arguments.out.exists():
        raise ValueError(f"--out {arguments.out} exists already; delete it or name another")
    if arguments.batch_tokens < 1:
        raise ValueError(f"--batch-tokens is {arguments.batch_tokens}; give at least 1")
    task, items = load_asked(arguments.task, arguments.data, arguments.num_items, arguments.form, arguments.num_shots)
    device = checked_device(arguments.device)
    if arguments.model.endswith(".safetensors"):
        rows, about = _score_own(arguments, task, items, device)
    else:
        loaded = load_huggingface(arguments.model, DTYPES[arguments.dtype], device)
        about = {name: loaded.about[name] for name in ("run", "weight_hash", "config_hash", "tokenizer_hash")}
        num_requests = len({request for item in items for request in item.requests})
        with PassProgress(task.name, num_requests, 0) as progress:
            rows = score_foreign(
                loaded, task, items, arguments.batch_tokens, lambda done: progress.update(min(done, num_requests), 0.0)
            )
    about |= {"number_format": arguments.dtype, "prompting": task.prompting, "num_shots": task.num_shots}
    for place, (name, value) in enumerate(about.items()):
        rows.insert(place, name, value)
    return task, rows


def _score_own(arguments: argparse.Namespace, task: Task, items: tuple[Item, ...], device) -> tuple[pd.DataFrame, dict]:
    if arguments.dtype != "float32":
        raise ValueError(f"--dtype is {arguments.dtype!r}, but {arguments.model} is scored in float32; leave it out")
    model, header = checkpoint.load(arguments.model)
    folders = [arguments.tokenizer] if arguments.tokenizer else [Path(arguments.data), ROOT / "data"]
    _, tokenizer = find_tokenizer(Path(arguments.model), header["tokenizer_fingerprint"], folders)
    rows = score_items(model.to(device), tokenizer, items, task, arguments.batch_tokens)
    about = {"run": header["run"], "weight_hash": header["weight_hash"], "config_hash": ""}
    return rows, about | {"tokenizer_hash": header["tokenizer_fingerprint"]}


def score_line(task: Task, rows: pd.DataFrame) -> str:
    """One line for people: the score with its 95 % interval, chance, and the likelihood of the right answers."""
    found = metrics.proportion(rows.correct.to_numpy())
    return (
        f"{task.name}: {task.metric} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}], chance {task.chance:.4f},"
        f" {len(rows)} items, right answers {rows.answer_log_likelihood.mean():.3f} nats per token"
    )


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 2 for bad input with one line on stderr, 1 where the disk failed, 130 after Ctrl-C."""
    arguments = parser().parse_args(argv)
    try:
        task, rows = score(arguments)
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False)
        atomic_write(arguments.out, buffer.getvalue())
    except ValueError as error:
        return _failed(error, 2)
    except OSError as error:
        return _failed(explain(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted; nothing was written", 130)
    print(score_line(task, rows))
    return 0


def _failed(reason: object, code: int) -> int:
    print(f"scoring: {' '.join(str(reason).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
