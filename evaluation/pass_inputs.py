"""What a measurement of pass rates starts from: a model with its tokenizer (ours or of `transformers`), and items with their checkers.

    model = load_model("results/cpu/runs/long_3M_s0/checkpoints/000009999360.safetensors", [Path("data")])
    asked = load_asked("maths", model.data / "items" / "maths.jsonl")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from corpus import tokenizer as own_tokenizer
from corpus.tokenizer import BOS_ID
from evaluation import next_token, pieces_huggingface
from evaluation.next_token import GPTReader, NextToken
from evaluation.next_token_huggingface import HuggingFaceReader
from models import checkpoint
from tasks import checkers
from tasks.base import load_items
from tasks.checkers import Checker
from tasks.real_passes import REAL_PASS_TASKS, Runner, load_passes

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class PassModel:
    """A model that attempts can be drawn from. `about` names it in a table of results; `data` is the folder of its tokenizer, ours only."""

    reader: NextToken
    encode_prompt: Callable[[str], list[int]]
    encode_answer: Callable[[str], list[int]]
    pieces: Callable[[str], list[bytes]]  # stop -> bytes of each token id
    about: dict[str, object]
    data: Path | None = None


@dataclass(frozen=True)
class Asked:
    """One item: the prompt, a right answer, and the judge of attempts."""

    item_id: int
    context: str
    reference: str
    checker: Checker


@dataclass(frozen=True)
class AskedTask:
    """The items of a task and where an attempt at them ends."""

    name: str
    stop: str
    max_new_tokens: int
    items: tuple[Asked, ...]


def load_model(name: str, data_folders: Sequence[Path], dtype: str = "float32", device: str = "cpu") -> PassModel:
    """One of our checkpoints (a .safetensors file; its tokenizer is looked for in `data_folders`), else a `transformers` folder or name.

    ValueError in one line for an absent, damaged or foreign model, and for a checkpoint whose tokenizer is in none of the folders."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}")
    if name.endswith(".safetensors"):
        if dtype != "float32":
            raise ValueError(f"dtype is {dtype!r}, but {name} is a checkpoint of this project and is read in float32; leave the option out")
        return _load_own(Path(name), data_folders, device)
    return _load_huggingface(name, dtype, device)


def _load_own(path: Path, data_folders: Sequence[Path], device: str) -> PassModel:
    model, header = checkpoint.load(path)
    folder, tokenizer = _tokenizer_of(path, header["tokenizer_fingerprint"], data_folders)
    config = model.config
    about = {"run": header["run"], "tokens_seen": header["tokens_seen"], "num_parameters": config.num_parameters,
             "num_nonembedding_parameters": config.num_nonembedding_parameters, "weight_hash": header["weight_hash"]}

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    return PassModel(GPTReader(model.to(device)), lambda text: [BOS_ID, *encode(text)], encode, lambda stop: next_token.token_pieces(tokenizer), about, folder)


def _tokenizer_of(path: Path, fingerprint: str, folders: Sequence[Path]) -> tuple[Path, Tokenizer]:
    files = [folder / "tokenizer.json" for folder in folders if (folder / "tokenizer.json").exists()]
    for file in files:
        tokenizer = own_tokenizer.load(file)
        if own_tokenizer.fingerprint(tokenizer) == fingerprint:
            return file.parent, tokenizer
    looked = ", ".join(map(str, files)) or f"no tokenizer.json in {', '.join(map(str, folders))}"
    raise ValueError(f"{path}: trained with tokenizer {fingerprint[:12]}, which is not there ({looked}); name the folder of its tokenizer with --data")


def _load_huggingface(name: str, dtype: str, device: str) -> PassModel:
    if not Path(name).is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(f"{name}: no such folder; give one with config.json, weights and tokenizer.json, or a name on the hub")
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model, info = AutoModelForCausalLM.from_pretrained(name, dtype=DTYPES[dtype], output_loading_info=True)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        line = next((text.strip() for text in str(error).splitlines() if text.strip()), type(error).__name__)
        raise ValueError(f"{name}: no causal language model that transformers can load ({line}); give a folder with config.json, weights and "
                         "tokenizer.json, a name on the hub, or a .safetensors checkpoint of this project") from error
    if info["missing_keys"]:
        raise ValueError(f"{name}: tensor {sorted(info['missing_keys'])[0]} is missing from its weights and would be random; give a complete model")
    vocab_size = model.config.get_text_config(decoder=True).vocab_size
    num_embedding = sum(parameter.numel() for parameter in {model.get_input_embeddings().weight, model.get_output_embeddings().weight})
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    about = {"run": Path(name).name, "tokens_seen": 0, "num_parameters": num_parameters, "num_nonembedding_parameters": num_parameters - num_embedding,
             "weight_hash": ""}
    return PassModel(
        HuggingFaceReader(model.to(device)),
        lambda text: pieces_huggingface.prompt_ids(tokenizer, text),
        lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        lambda stop: pieces_huggingface.token_pieces(tokenizer, vocab_size, stop),
        about,
    )


def load_asked(task_name: str, path: Path, num_items: int | None = None, runner: Runner | None = None) -> AskedTask:
    """The first `num_items` items of a file and their checkers: of one of our tasks, or of a published one (tasks/real_passes.py; HumanEval needs a
    runner of programs, Sandbox.passes). ValueError in one line for a task without checker and a bad file of items."""
    if not path.exists():
        raise ValueError(f"{path}: no such file of items; build it with `python -m corpus` or name one with --items")
    if task_name in REAL_PASS_TASKS:
        loaded = load_passes(task_name, path, num_items, runner=runner)
        asked = tuple(Asked(item.item_id, *item.requests[0], judge) for item, judge in zip(loaded.items, loaded.checkers, strict=True))
        return AskedTask(task_name, loaded.task.stop, loaded.task.max_new_tokens, asked)
    stop, max_new_tokens = checkers.attempt_limits(task_name)
    items = load_items(path)
    if num_items is not None and not 1 <= num_items <= len(items):
        raise ValueError(f"num_items is {num_items}, {path} holds {len(items)}; ask for 1 to {len(items)}")
    asked = []
    for item in items[:num_items]:
        context, reference = item.requests[item.answer if isinstance(item.answer, int) else 0]
        asked.append(Asked(item.item_id, context, reference, checkers.checker(task_name, item)))
    return AskedTask(task_name, stop, max_new_tokens, tuple(asked))


def check_task(task_name: str) -> None:
    """ValueError in one line for a task without checker."""
    if task_name not in REAL_PASS_TASKS:
        try:
            checkers.attempt_limits(task_name)
        except ValueError as error:
            raise ValueError(f"{error}, or a published one: {', '.join(REAL_PASS_TASKS)}") from error
