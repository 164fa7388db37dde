"""evaluation/readers/model_huggingface.py: folders of all families are read, each fault of one is a clear line, and a
model is named by what it computes."""

import json
import shutil
from pathlib import Path

import outside_models
import pytest
import torch
import transformers
from transformers import BartConfig, BertConfig, LlamaModel, T5Config

from evaluation.passuntil.inputs import checked_device, load_model
from evaluation.readers.model_huggingface import files_hash, load_huggingface, run_name
from evaluation.readers.pieces import EndOfText

CPU = torch.device("cpu")
SMALL = {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    tokenizer = outside_models.made("llama2")
    return outside_models.save(
        tmp_path_factory.mktemp("good") / "model", outside_models.llama(len(tokenizer)), tokenizer
    )


@pytest.fixture
def folder(good, tmp_path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(good, tmp_path / "model"))


def edit(path: Path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def hashes(folder: Path, dtype: torch.dtype = torch.float32) -> tuple:
    about = load_huggingface(str(folder), dtype, CPU).about
    return about["weight_hash"], about["config_hash"], about["tokenizer_hash"]


@pytest.mark.parametrize("family", outside_models.FAMILIES)
@pytest.mark.parametrize("num_more", [0, 5])
def test_every_family_is_read_with_and_without_padding_rows(family, num_more, tmp_path):
    tokenizer = outside_models.made(family)
    model = load_model(
        str(outside_models.save(tmp_path / family, outside_models.llama(len(tokenizer) + num_more), tokenizer)), []
    )
    pieces = model.pieces("\n")
    assert len(pieces) == model.reader.vocab_size == len(tokenizer) + num_more
    assert model.ends == (tokenizer.eos_token_id,) and isinstance(pieces[tokenizer.eos_token_id], EndOfText)
    log_probabilities, _ = model.reader.start(model.encode_prompt("Q: who wrote it? A:"))
    assert log_probabilities.shape == (1, len(pieces)) and model.about["run"] == family


def test_ends_come_from_the_tokenizer_the_config_and_the_generation_config(tmp_path):
    tokenizer = outside_models.made("llama3")
    end, eom, eot = (tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("end", "eom", "eot"))
    folder = outside_models.save(tmp_path / "model", outside_models.llama(len(tokenizer)), tokenizer)
    assert load_huggingface(str(folder), torch.float32, CPU).ends == (end,)
    edit(folder / "config.json", eos_token_id=[end, eom])
    assert load_huggingface(str(folder), torch.float32, CPU).ends == (end, eom)
    edit(folder / "config.json", eos_token_id=None)
    edit(folder / "generation_config.json", eos_token_id=[eot, eom])
    assert load_huggingface(str(folder), torch.float32, CPU).ends == (end, eom, eot)


def test_a_token_added_later_is_no_fault_until_a_prompt_uses_it(tmp_path):
    tokenizer = outside_models.gpt2()
    num_known = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<|pad|>"})
    model = load_model(str(outside_models.save(tmp_path / "model", outside_models.llama(num_known), tokenizer)), [])
    assert len(model.pieces("\n")) == num_known
    with pytest.raises(
        ValueError, match=f"the prompt holds token id {num_known}, the model knows ids 0 to {num_known - 1}"
    ):
        model.encode_prompt("A<|pad|>")


def test_the_same_weights_have_one_name_however_they_lie_in_files_and_others_another(good, folder, tmp_path):
    tokenizer = outside_models.made("llama2")
    model = outside_models.llama(len(tokenizer))
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    tokenizer.save_pretrained(tmp_path / "shards")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert hashes(tmp_path / "shards") == hashes(good)
    with torch.no_grad():
        model.lm_head.weight[3, 5] += 1e-3
    model.save_pretrained(folder)
    other = hashes(folder)
    assert other[0] != hashes(good)[0] and other[1:] == hashes(good)[1:]


def test_config_tokenizer_and_end_tokens_are_part_of_the_name(good, folder):
    weights, config, tokenizer = hashes(good)
    edit(folder / "config.json", rms_norm_eps=1e-3)
    assert (found := hashes(folder))[0] == weights and found[1] != config and found[2] == tokenizer
    edit(folder / "generation_config.json", eos_token_id=3)
    assert hashes(folder)[2] != tokenizer
    shutil.copy(good / "generation_config.json", folder)
    edit(folder / "config.json", _name_or_path="elsewhere", transformers_version="4.0", rms_norm_eps=1e-6)
    assert hashes(folder) == (weights, config, tokenizer), "where a file lies and what wrote it is no matter"


def test_half_precision_weights_have_one_name_in_both_formats_and_tied_ones_are_told_apart(tmp_path):
    tokenizer = outside_models.made("llama2")
    folder = outside_models.save(tmp_path / "half", outside_models.llama(len(tokenizer)).to(torch.bfloat16), tokenizer)
    assert hashes(folder)[0] == hashes(folder, torch.bfloat16)[0]
    tied, untied = (outside_models.llama(50, tie_word_embeddings=ties) for ties in (True, False))
    with torch.no_grad():
        untied.lm_head.weight.copy_(untied.model.embed_tokens.weight)
    assert files_hash(tied) != files_hash(untied)


@pytest.mark.parametrize(
    ("path", "name"),
    [("model", "model"), ("long_run/checkpoint-1000", "long_run/checkpoint-1000"), ("runs/step_5", "runs/step_5")],
)
def test_a_run_is_called_by_its_folder_and_a_checkpoint_by_its_run(tmp_path, path, name):
    (tmp_path / path).mkdir(parents=True)
    assert run_name(str(tmp_path / path)) == name
    assert run_name("org/model") == "org/model"


def damage(folder: Path, kind: str) -> None:
    """One fault of a folder."""
    weights = folder / "model.safetensors"
    match kind:
        case "no config" | "no tokenizer" | "no weights":
            files = {
                "config": ["config.json"],
                "tokenizer": ["tokenizer.json", "tokenizer_config.json"],
                "weights": [weights.name],
            }
            for name in files[kind.removeprefix("no ")]:
                (folder / name).unlink()
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:3000])
        case "cut config":
            (folder / "config.json").write_text('{"model_type": "llama",')
        case "cut tokenizer":
            (folder / "tokenizer.json").write_text('{"version": "1.0", "trunc')
        case "empty tokenizer":
            (folder / "tokenizer.json").write_text("{}")
        case "missing shard":
            weights.unlink()
            outside_models.llama(343).save_pretrained(folder, max_shard_size="20KB")
            min(folder.glob("model-00002*")).unlink()
        case "no pickle":
            weights.unlink()
            torch.save({"model.norm.weight": Path}, folder / "pytorch_model.bin")
        case "nan":
            model = outside_models.llama(343)
            with torch.no_grad():
                model.model.norm.weight[3] = float("nan")
            model.save_pretrained(folder)
        case "no head":
            LlamaModel(outside_models.llama(343).config).save_pretrained(folder)


DAMAGES = {
    "no config": "config.json",
    "no tokenizer": "no tokenizer.json in the folder",
    "no weights": "no file named model.safetensors",
    "cut weights": "model.safetensors is truncated or damaged",
    "cut config": "not a valid JSON file",
    "cut tokenizer": "tokenizer",
    "empty tokenizer": "tokenizer",
    "missing shard": "model-00002",
    "no pickle": "Weights only load failed",
    "nan": "logits are NaN or infinite",
    "no head": "tensor lm_head.weight is missing",
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_folder_is_one_line_that_names_it(folder, kind, capfd):
    damage(folder, kind)
    capfd.readouterr()
    with pytest.raises(ValueError, match=DAMAGES[kind]) as raised:
        load_huggingface(str(folder), torch.float32, CPU)
    assert str(folder) in str(raised.value) and "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", ""), "what transformers prints is not said twice"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 64}, "they do not belong together"),
        ({"vocab_size": 350}, r"is \(343, 32\) in its weights and \(350, 32\) by config.json"),
        ({"vocab_size": 300}, "the model knows ids 0 to 299"),
        ({"model_type": "unheard_of"}, "unheard_of"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "weights"),
        ({"auto_map": {"AutoConfig": "m.C"}, "model_type": "own"}, "custom code"),
    ],
)
def test_a_config_that_is_not_of_these_weights_is_one_line(folder, fields, message):
    edit(folder / "config.json", **fields)
    if fields.get("vocab_size") == 300:  # with its weights: a tokenizer of another model
        outside_models.llama(300).save_pretrained(folder)
    with pytest.raises(ValueError, match=message) as raised:
        load_huggingface(str(folder), torch.float32, CPU)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda size: transformers.T5ForConditionalGeneration(T5Config(vocab_size=size, **SMALL)),
            "encoder and decoder",
        ),
        (
            lambda size: transformers.BartForConditionalGeneration(
                BartConfig(
                    vocab_size=size,
                    d_model=32,
                    encoder_layers=1,
                    decoder_layers=1,
                    encoder_attention_heads=4,
                    decoder_attention_heads=4,
                )
            ),
            "encoder and decoder",
        ),
        (
            lambda size: transformers.BertForMaskedLM(
                BertConfig(
                    vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
                )
            ),
            "not a causal language model",
        ),
    ],
)
def test_a_model_that_is_no_causal_one_is_refused(tmp_path, model, message):
    tokenizer = outside_models.made("llama2")
    outside_models.save(tmp_path / "other", model(len(tokenizer)), tokenizer)
    with pytest.raises(ValueError, match=message):
        load_huggingface(str(tmp_path / "other"), torch.float32, CPU)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
def test_any_format_of_weights_is_read_in_any_format(tmp_path, dtype, stored):
    tokenizer = outside_models.made("gpt2")
    folder = outside_models.save(tmp_path / "model", outside_models.llama(len(tokenizer)).to(stored), tokenizer)
    model = load_model(str(folder), [], dtype)
    log_probabilities, _ = model.reader.start(model.encode_prompt("Q: who"))
    assert abs(torch.tensor(log_probabilities).exp().sum().item() - 1) < 1e-9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./absent", "no such folder"),
        ("a/b/c", "no such folder"),
        ("org/absent", "hf download org/absent"),
        ("absent", "neither a folder here nor a model in the local cache"),
    ],
)
def test_a_name_that_is_nowhere_is_one_line_without_a_network(name, message):
    with pytest.raises(ValueError, match=message):
        load_huggingface(name, torch.float32, CPU)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match="no such folder"):
        load_huggingface(str(tmp_path / "model.bin"), torch.float32, CPU)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "meta", "cpu:-2", "cuda:99", "mps:3", "xpu"])
def test_a_device_that_is_not_there_is_one_line(name):
    with pytest.raises(ValueError, match=f"device is '{name}'"):
        checked_device(name)


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        assert checked_device("cuda").type == "cuda"
        return
    with pytest.raises(
        ValueError, match="device is 'cuda', but PyTorch .* finds no such device here; take --device cpu"
    ):
        checked_device("cuda")
