"""What a measurement of pass rates starts from: a model with its tokenizer (ours or of `transformers`), and items with
their checkers.

model = load_model("results/cpu/runs/long_3M_s0/checkpoints/000009999360.safetensors", [Path("data")]) asked =
load_asked("maths", model.data / "items" / "maths.jsonl")
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from corpus import tokenizer as own_tokenizer
from corpus.tokenizer import BOS_ID
from evaluation.readers import model_huggingface, next_token, pieces_huggingface
from evaluation.readers.encoding import Encoding
from evaluation.readers.next_token import GPTReader, NextToken
from evaluation.readers.next_token_huggingface import HuggingFaceReader
from models import checkpoint
from tasks import checkers
from tasks.base import load_items
from tasks.checkers import Checker
from tasks.own.checkers import Run
from tasks.own.passes import load_own_passes
from tasks.real.pass_checkers import Runner
from tasks.real.passes import FILES, REAL_PASS_TASKS, load_passes

OWN_MAX_NEW_TOKENS = 128  # of an attempt at a task of one's own
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class PassModel:
    """A model that attempts can be drawn from.

    encode_answer takes the answer, and the prompt that it stands behind (evaluation.readers.encoding). `about` names
    the model in a table of results, `stream` its random numbers (the run where it is None). `ends`: ids that end a
    text. `data`: folder of the tokenizer, ours only. as_chat: a text as the message of a user, by the tokenizer's
    `chat_template`."""

    reader: NextToken
    encode_prompt: Callable[[str], list[int]]
    encode_answer: Callable[..., list[int]]
    pieces: Callable[[str], list[bytes]]  # stop -> bytes of each token id
    about: dict[str, object]
    data: Path | None = None
    stream: str | None = None
    ends: tuple[int, ...] = ()
    as_chat: Callable[[str], str] | None = None
    chat_template: str = ""


@dataclass(frozen=True)
class PassItem:
    """One item: the prompt, a right answer where one is known, and the judge of attempts."""

    item_id: int
    context: str
    reference: str | None
    checker: Checker


@dataclass(frozen=True)
class PassItems:
    """The items of a task and where an attempt at them ends."""

    name: str
    stop: str | tuple[str, ...]
    max_new_tokens: int
    items: tuple[PassItem, ...]
    items_hash: str = ""  # sha256 of their file, and of the checker file where there is one
    chat_hash: str = ""  # sha256 of the template that their prompts went through


def load_model(name: str, data_folders: Sequence[Path], dtype: str = "float32", device: str = "cpu") -> PassModel:
    """One of our checkpoints (a .safetensors file; its tokenizer is looked for in `data_folders`), else a
    `transformers` folder or name.

    ValueError in one line for an absent, damaged or foreign model, a checkpoint whose tokenizer is in none of the
    folders, and a device that is not there."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}")
    place = checked_device(device)
    if name.endswith(".safetensors"):
        if dtype != "float32":
            raise ValueError(
                f"dtype is {dtype!r}, but {name} is a checkpoint of this project and is read in float32; leave the"
                " option out"
            )
        return _load_own(Path(name), data_folders, place)
    return _load_huggingface(name, dtype, place)


def checked_device(name: str) -> torch.device:
    """The device of this name. ValueError in one line where this machine, or this build of PyTorch, does not have
    it."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is {name!r}; choose cpu, cuda, cuda:0, cuda:1, ... or mps") from error
    if device.type == "cpu":
        num_devices = 1
    elif device.type == "cuda":
        num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    elif device.type == "mps":
        num_devices = int(torch.backends.mps.is_available())
    else:
        raise ValueError(f"device is {name!r}; choose cpu, cuda, cuda:0, cuda:1, ... or mps")
    if num_devices == 0:
        raise ValueError(
            f"device is {name!r}, but PyTorch {torch.__version__} finds no such device here; take --device cpu"
        )
    if (device.index or 0) >= num_devices:
        raise ValueError(
            f"device is {name!r}, but there are only {num_devices} of its kind; take {device.type}:{num_devices - 1} or"
            " a lower one"
        )
    return device


def _load_own(path: Path, data_folders: Sequence[Path], device: torch.device) -> PassModel:
    model, header = checkpoint.load(path)
    folder, tokenizer = find_tokenizer(path, header["tokenizer_fingerprint"], data_folders)
    config, pieces = model.config, next_token.token_pieces(tokenizer)
    about = {
        "run": header["run"],
        "tokens_seen": header["tokens_seen"],
        "num_parameters": config.num_parameters,
        "num_nonembedding_parameters": config.num_nonembedding_parameters,
        "weight_hash": header["weight_hash"],
        "config_hash": hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest(),
        "tokenizer_hash": header["tokenizer_fingerprint"],
    }
    encoding = Encoding(lambda text: tokenizer.encode(text, add_special_tokens=False).ids, pieces, [BOS_ID])
    return PassModel(GPTReader(model.to(device)), encoding.prompt, encoding.answer, lambda stop: pieces, about, folder)


def find_tokenizer(path: Path, fingerprint: str, folders: Sequence[Path]) -> tuple[Path, Tokenizer]:
    """(folder, tokenizer) of the first folder that holds the tokenizer of a checkpoint. ValueError in one line where
    none does."""
    files = [folder / "tokenizer.json" for folder in folders if (folder / "tokenizer.json").exists()]
    for file in files:
        tokenizer = own_tokenizer.load_tokenizer(file)
        if own_tokenizer.fingerprint(tokenizer) == fingerprint:
            return file.parent, tokenizer
    looked = ", ".join(map(str, files)) or f"no tokenizer.json in {', '.join(map(str, folders))}"
    raise ValueError(
        f"{path}: trained with tokenizer {fingerprint[:12]}, which is not there ({looked}); name the folder of its"
        " tokenizer with --data"
    )


def _load_huggingface(name: str, dtype: str, device: torch.device) -> PassModel:
    loaded = model_huggingface.load_huggingface(name, DTYPES[dtype], device)
    return PassModel(
        HuggingFaceReader(loaded.model),
        loaded.encoding.prompt,
        loaded.encoding.answer,
        lambda stop: pieces_huggingface.with_ends(loaded.texts, loaded.ends, stop),
        loaded.about,
        stream=str(loaded.about["weight_hash"]),
        ends=loaded.ends,
        as_chat=loaded.as_chat,
        chat_template=loaded.chat_template,
    )


def load_pass_items(
    task_name: str, path: Path, num_items: int | None = None, runner: Runner | None = None
) -> PassItems:
    """The first `num_items` items of a file and their checkers: of one of our tasks, or of a published one
    (tasks/real/passes.py; HumanEval needs a runner of programs, Sandbox.passes). ValueError in one line for a task
    without checker and a bad file of items."""
    if not path.exists():
        raise ValueError(f"{path}: no such file of items; build it with `python -m corpus` or name one with --items")
    file = path / FILES[task_name][0] if task_name in FILES and path.is_dir() else path
    items_hash = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    if task_name in REAL_PASS_TASKS:
        loaded = load_passes(task_name, path, num_items, runner=runner)
        asked = tuple(
            PassItem(item.item_id, *item.requests[0], judge)
            for item, judge in zip(loaded.items, loaded.checkers, strict=True)
        )
        return PassItems(task_name, loaded.task.stop, loaded.task.max_new_tokens, asked, items_hash)
    stop, max_new_tokens = checkers.attempt_limits(task_name)
    items = load_items(path)
    if num_items is not None and not 1 <= num_items <= len(items):
        raise ValueError(f"num_items is {num_items}, {path} holds {len(items)}; ask for 1 to {len(items)}")
    asked = []
    for item in items[:num_items]:
        context, reference = item.requests[item.answer if isinstance(item.answer, int) else 0]
        asked.append(PassItem(item.item_id, context, reference, checkers.checker(task_name, item)))
    return PassItems(task_name, stop, max_new_tokens, tuple(asked), items_hash)


def is_own(task_name: str) -> bool:
    """True where --task names a file of items of one's own."""
    return task_name.removesuffix(".gz").endswith((".jsonl", ".json")) or "/" in task_name


def load_own_items(
    path: Path,
    run: Run,
    stops: Sequence[str],
    checker_file: Path | None = None,
    num_items: int | None = None,
    is_chat: bool = False,
) -> PassItems:
    """A task of one's own (tasks/own/passes.py), named as its file. ValueError in one line as there."""
    loaded = load_own_passes(path, run, checker_file, num_items, is_chat)
    files = [path] if checker_file is None else [path, checker_file]
    items_hash = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    items = tuple(PassItem(item.item_id, item.prompt, item.reference, item.checker) for item in loaded)
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    return PassItems(name, tuple(stops), OWN_MAX_NEW_TOKENS, items, items_hash)


def as_chat(task: PassItems, model: PassModel, model_name: str) -> PassItems:
    """The task with every prompt as the message of a user. ValueError in one line for a model without a template."""
    if model.as_chat is None or not model.chat_template:
        raise ValueError(f"--chat: the tokenizer of {model_name} has no chat template; leave --chat out")
    items = tuple(replace(item, context=model.as_chat(item.context)) for item in task.items)
    return replace(task, items=items, chat_hash=hashlib.sha256(model.chat_template.encode()).hexdigest())


def check_task(task_name: str) -> None:
    """ValueError in one line for a task without checker."""
    if task_name not in REAL_PASS_TASKS:
        try:
            checkers.attempt_limits(task_name)
        except ValueError as error:
            raise ValueError(
                f"{error}, or a published one: {', '.join(REAL_PASS_TASKS)}, or a .jsonl file of your own"
            ) from error
