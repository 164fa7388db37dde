"""A `transformers` folder as a model whose pass rates can be measured: loaded, checked, and named by what it computes.

Two folders are the same model only if their weights, configuration and tokenizer are; a folder's name says nothing
(every training run writes a `checkpoint-1000`). Nothing is downloaded: a name on the hub is looked up in the local
cache.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from evaluation.readers import pieces_huggingface
from evaluation.readers.encoding import Encoding

# Fields of a configuration that say where and by what it was written, not what the model computes.
_NOT_COMPUTED = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "auto_map"}
HASHED_NUMBERS = 1 << 24  # of a tensor at a time, so that a copy in fp32 of a large embedding is never held
# What follows a token may not change what the model says in its place; above rounding in fp32 and in half precision.
CAUSAL_TOLERANCE = {torch.float32: 1e-4}
HALF_TOLERANCE = 3e-2
PROBE_TOKENS = 8


@dataclass(frozen=True)
class LoadedModel:
    """A model with its tokenizer. `texts`: the bytes of each id, `ends`: the ids that end a text."""

    model: PreTrainedModel
    encoding: Encoding
    texts: list[bytes]
    ends: tuple[int, ...]
    about: dict[str, object]
    tokenizer: PreTrainedTokenizerBase

    @property
    def chat_template(self) -> str:
        """The tokenizer's template of conversations (jinja), empty where it has none."""
        template = self.tokenizer.chat_template
        return template if isinstance(template, str) else json.dumps(template or "", sort_keys=True).strip('"')

    def as_chat(self, text: str) -> str:
        """The text as the message of a user, with the opening of the answer behind it. ValueError in one line where the
        tokenizer has no template or the template refuses."""
        try:
            return self.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # jinja and the template itself raise anything
            raise ValueError(
                f"the tokenizer's chat template: {str(error).splitlines()[0]}; leave --chat out"
            ) from error


def load_huggingface(name: str, dtype: torch.dtype, device: torch.device) -> LoadedModel:
    """The model of a folder, or of a name in the hub's local cache.

    ValueError in one line: no such folder, config, tokenizer or weights missing or damaged, a model that is not causal
    or cannot run, weights that are not finite, a tokenizer of another model."""
    if not Path(name).is_dir() and (Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(
            f"{name}: no such folder; give one with config.json, weights and tokenizer.json, or a name on the hub"
        )
    with _quiet():
        config = _loaded(name, "config.json", AutoConfig.from_pretrained)
        if config.is_encoder_decoder:
            raise ValueError(
                f"{name}: a model of encoder and decoder ({config.model_type}), not a causal language model; give a"
                " decoder"
            )
        tokenizer = _loaded(name, "tokenizer", AutoTokenizer.from_pretrained)
        model, info = _loaded(
            name,
            "weights",
            AutoModelForCausalLM.from_pretrained,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    if info["missing_keys"]:
        raise ValueError(
            f"{name}: tensor {min(info['missing_keys'])} is missing from its weights and would be random; give a"
            " complete model"
        )
    if info["mismatched_keys"]:
        tensor, held, wanted = min(info["mismatched_keys"], key=str)
        raise ValueError(
            f"{name}: tensor {tensor} is {tuple(held)} in its weights and {tuple(wanted)} by config.json: "
            "they do not belong together; give the config of these weights"
        )
    vocab_size = config.get_text_config(decoder=True).vocab_size
    texts = pieces_huggingface.token_texts(pieces_huggingface.backend(tokenizer), vocab_size, name)
    ends = pieces_huggingface.end_ids(
        tokenizer,
        vocab_size,
        config.eos_token_id,
        config.get_text_config(decoder=True).eos_token_id,
        getattr(model.generation_config, "eos_token_id", None),
    )
    _check_runs(name, model.eval(), vocab_size)
    before = pieces_huggingface.opening_ids(tokenizer)
    encoding = Encoding(
        lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        pieces_huggingface.with_ends(texts, ends, None),
        before,
    )
    about = _about(name, model, tokenizer, before, ends)
    return LoadedModel(_moved(name, model, device), encoding, texts, ends, about, tokenizer)


def _moved(name: str, model, device: torch.device):
    try:
        return model.to(device)
    except RuntimeError as error:
        raise ValueError(
            f"{name}: the model does not fit on device {device} ({str(error).splitlines()[0]}); take --dtype bfloat16"
            " or --device cpu"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and warnings of transformers: what is wrong is said in one line of ours."""
    verbosity, has_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(transformers_logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if has_bars:
            transformers_logging.enable_progress_bar()


def _loaded(name: str, part: str, load_part, **options):
    try:
        return load_part(name, local_files_only=True, trust_remote_code=False, **options)
    except (
        Exception
    ) as error:  # transformers and the formats it reads raise anything, RuntimeError and ImportError included
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        line = _damaged_file(Path(name), part) or (line if " " in line else f"{type(error).__name__} {line}".strip())
        if not Path(name).is_dir():
            raise ValueError(
                f"{name}: neither a folder here nor a model in the local cache of the hub; give a folder with"
                f" config.json, weights and tokenizer.json, or fetch it first with `hf download {name}`"
            ) from error
        raise ValueError(
            f"{name}: no causal language model that transformers can load: {part} ({line}); give a folder with"
            " config.json, weights and tokenizer.json, a name on the hub, or a .safetensors checkpoint of this project"
        ) from error


def _damaged_file(folder: Path, part: str) -> str | None:
    """The file that is to blame, where transformers does not name it."""
    if (
        part == "tokenizer"
        and folder.is_dir()
        and not [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("*.model")]
    ):
        return "no tokenizer.json in the folder"
    for path in sorted(folder.glob("*.safetensors")) if part == "weights" else []:
        try:
            with safe_open(str(path), framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            return f"{path.name} is truncated or damaged: {error}"
    return None


@torch.inference_mode()
def _check_runs(name: str, model: PreTrainedModel, vocab_size: int) -> None:
    """ValueError where the model cannot run, its logits are not finite, or they depend on what follows (BERT and its
    like)."""
    rows = [[1 % vocab_size] + [token % vocab_size] * (PROBE_TOKENS - 1) for token in (2, 3)]
    try:
        logits = model(input_ids=torch.tensor(rows, device=model.device), use_cache=False).logits.float()
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AttributeError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{name}: the model does not run on plain token ids ({line}); give a causal language model of text"
        ) from error
    if logits.isnan().any() or logits.isposinf().any():
        raise ValueError(
            f"{name}: the model's logits are NaN or infinite: its weights are damaged or its dtype is too small; "
            "load it again or in float32"
        )
    tolerance = CAUSAL_TOLERANCE.get(model.dtype, HALF_TOLERANCE)
    if (logits[0, 0] - logits[1, 0]).abs().nan_to_num(0.0).max() > tolerance * logits[:, 0].abs().nan_to_num(
        0.0, 0.0, 0.0
    ).max():
        raise ValueError(
            f"{name}: not a causal language model ({type(model).__name__}): what follows a token changes what the model"
            " says in its place; give a decoder"
        )


def files_hash(model: torch.nn.Module) -> str:
    """sha256 over names, shapes and fp32 bytes of all weights as they are loaded, in sorted order; other formats than
    floats by their own bytes. It does not depend on how the weights lie in files, nor on whether bf16 weights are
    loaded as bf16 or fp32.
    """
    digest, seen = hashlib.sha256(), {}
    for name, tensor in sorted(model.state_dict().items()):
        first = seen.setdefault((tensor.data_ptr(), tensor.shape), name)
        digest.update(json.dumps([name, list(tensor.shape), first]).encode())
        if first != name:  # tied weights
            continue
        for part in tensor.detach().reshape(-1).split(HASHED_NUMBERS):
            part = part.to("cpu")
            if part.dtype in (torch.bfloat16, torch.float16):
                part = part.float()
            digest.update(part.contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _json_hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def tokenizer_hash(tokenizer: Tokenizer, before: list[int], ends: tuple[int, ...]) -> str:
    """sha256 of what decides ids and texts: the tokenizer, what it puts before a text, and what ends one."""
    state = json.loads(tokenizer.to_str())
    return _json_hash(
        [{field: value for field, value in state.items() if field not in ("truncation", "padding")}, before, ends]
    )


def _about(
    name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, before: list[int], ends: tuple[int, ...]
) -> dict[str, object]:
    """The columns that name the model in a table of results."""
    embeddings = {
        id(layer.weight): layer.weight
        for layer in (model.get_input_embeddings(), model.get_output_embeddings())
        if layer is not None
    }
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    num_embedding = sum(weight.numel() for weight in embeddings.values())
    config = {field: value for field, value in model.config.to_dict().items() if field not in _NOT_COMPUTED}
    return {
        "run": run_name(name),
        "tokens_seen": 0,
        "num_parameters": num_parameters,
        "num_nonembedding_parameters": num_parameters - num_embedding,
        "weight_hash": files_hash(model),
        "config_hash": _json_hash(config),
        "tokenizer_hash": tokenizer_hash(pieces_huggingface.backend(tokenizer), before, ends),
    }


def run_name(name: str) -> str:
    """What a table calls the model: the folder, with the run's before one of its checkpoints; a name on the hub
    whole."""
    path = Path(name)
    if not path.is_dir():
        return name
    folder = path.resolve()
    is_checkpoint = re.fullmatch(r"(checkpoint|step|epoch|iter|global_step|ckpt)[-_]?\d+|\d+", folder.name)
    return f"{folder.parent.name}/{folder.name}" if is_checkpoint else folder.name
