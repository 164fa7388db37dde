"""models/huggingface.py: equal logits both ways, through safetensors on disk."""

import dataclasses

import pytest
import small_corpus
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from corpus.tokenizer import BOS_ID
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import from_llama, save_llama, to_llama
from models.sampling import greedy

SHAPE = GPTConfig(
    vocab_size=50,
    num_layers=2,
    d_model=32,
    num_heads=4,
    num_kv_heads=2,
    d_ff=40,
    max_sequence_length=20,
    rope_theta=5000.0,
    norm_eps=1e-4,
)


@pytest.fixture(scope="module")
def gpt():
    torch.manual_seed(0)
    gpt = GPT(SHAPE)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return gpt.eval()


@torch.no_grad()
def test_equal_logits_there_and_back(gpt, tmp_path):
    tokens = torch.randint(0, 50, (3, 20))
    llama = to_llama(gpt)
    expected = gpt(tokens)
    assert expected.std() > 0.5
    assert torch.allclose(llama(tokens).logits, expected, atol=1e-5)
    llama.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"] and not list(
        tmp_path.glob("*.bin")
    )
    back = from_llama(LlamaForCausalLM.from_pretrained(tmp_path))
    assert back.config == SHAPE
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(gpt.state_dict().values(), back.state_dict().values(), strict=True)
    )


@torch.no_grad()
def test_export_is_a_copy(gpt):
    llama = to_llama(gpt)
    before = gpt.norm.weight.clone()
    llama.model.norm.weight.add_(1)
    assert torch.equal(gpt.norm.weight, before)


def test_a_llama_we_cannot_express_is_one_line(gpt):
    llama = to_llama(gpt)
    llama.config.attention_bias = True
    with pytest.raises(ValueError, match="attention_bias is True"):
        from_llama(llama)


TEXT = "12 + 34 gives 46."


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with our tokenizer, and the model in it."""
    torch.manual_seed(1)
    folder, tokenizer = tmp_path_factory.mktemp("exported") / "model", small_corpus.tokenizer()
    model = GPT(dataclasses.replace(SHAPE, vocab_size=tokenizer.get_vocab_size(), max_sequence_length=64)).eval()
    save_llama(folder, model, tokenizer)
    return folder, model


def test_an_exported_folder_carries_its_tokenizer_and_transformers_opens_it_as_it_is(exported):
    folder, model = exported
    tokenizer, llama = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = [BOS_ID, *small_corpus.tokenizer().encode(TEXT).ids]
    assert tokenizer(TEXT)["input_ids"] == ids and tokenizer.decode(ids, skip_special_tokens=True) == TEXT
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, len(tokenizer)) == (
        BOS_ID,
        BOS_ID,
        BOS_ID,
        llama.config.vocab_size,
    )
    assert tokenizer.model_max_length == 64
    with torch.no_grad():
        assert torch.allclose(llama(torch.tensor([ids])).logits, model(torch.tensor([ids])), atol=1e-5)
    padded = tokenizer([TEXT, "12"], padding=True, return_tensors="pt")["input_ids"]
    assert padded.shape[0] == 2 and int(padded.max()) < llama.config.vocab_size, "no padding id behind the embedding"


def test_a_tokenizer_of_another_size_is_one_line(gpt, tmp_path):
    with pytest.raises(ValueError, match="tokens, the model 50: they do not belong together"):
        save_llama(tmp_path / "model", gpt, small_corpus.tokenizer())
    assert not list(tmp_path.iterdir())


def test_the_harness_scores_and_generates_from_the_folder_as_it_is(exported):
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    folder, model = exported
    harness = HFLM(pretrained=str(folder), device="cpu", batch_size=2, dtype="float32")
    context, answer = "12 + 34 gives", " 46."
    ((found, _),) = harness.loglikelihood([Instance("loglikelihood", {}, (context, answer), 0)], disable_tqdm=True)
    tokenizer = small_corpus.tokenizer()
    read, said = [BOS_ID, *tokenizer.encode(context).ids], tokenizer.encode(answer).ids
    with torch.no_grad():
        log_probabilities = model(torch.tensor([read + said]))[0].log_softmax(-1)
    assert found == pytest.approx(
        sum(log_probabilities[len(read) - 1 + place, token].item() for place, token in enumerate(said)), abs=1e-3
    )
    (text,) = harness.generate_until(
        [Instance("generate_until", {}, (context, {"until": ["."], "max_gen_toks": 4, "do_sample": False}), 0)]
    )
    (expected,) = greedy(model, [read], 4, {BOS_ID})
    assert text == tokenizer.decode(expected).split(".")[0]
