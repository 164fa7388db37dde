"""models/huggingface.py: equal logits both ways, through safetensors on disk."""

import pytest
import torch
from transformers import LlamaForCausalLM

from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import from_llama, to_llama

SHAPE = GPTConfig(vocab_size=50, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, d_ff=40, max_sequence_length=20, rope_theta=5000.0, norm_eps=1e-4)


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
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"] and not list(tmp_path.glob("*.bin"))
    back = from_llama(LlamaForCausalLM.from_pretrained(tmp_path))
    assert back.config == SHAPE
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(gpt.state_dict().values(), back.state_dict().values(), strict=True))


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
