"""Weights to and from transformers' LlamaForCausalLM, with equal logits, and folders that transformers and its users
open as they are."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from models.config import GPTConfig
from models.gpt import GPT


def llama_config(config: GPTConfig) -> LlamaConfig:
    """The same shape in transformers' words."""
    return LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.d_model,
        intermediate_size=config.d_ff,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_kv_heads,
        max_position_embeddings=config.max_sequence_length,
        rms_norm_eps=config.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=False,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=0,
        eos_token_id=None,
        dtype="float32",
    )


def save_llama(folder: str | Path, gpt: GPT, tokenizer: Tokenizer) -> None:
    """Writes weights, config and tokenizer in the format of transformers: AutoModelForCausalLM, AutoTokenizer,
    lm-evaluation-harness (HFLM) and `python -m evaluation.passuntil --model FOLDER` open the folder as it is.

    tokenizer: the one that `gpt` was trained with (its id 0 is the document start). The exported one begins every text
    with the document start, as training did, and names it as end of text and padding as well: between documents the
    next one's start is what ends the last. ValueError in one line for a tokenizer of another size."""
    if tokenizer.get_vocab_size() != gpt.config.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.get_vocab_size()} tokens, the model {gpt.config.vocab_size}: they"
            " do not belong together; give the tokenizer it was trained with"
        )
    start = tokenizer.id_to_token(llama_config(gpt.config).bos_token_id)
    exported = Tokenizer.from_str(tokenizer.to_str())
    exported.post_processor = TemplateProcessing(single=f"{start} $A", special_tokens=[(start, 0)])
    to_llama(gpt).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=exported,
        bos_token=start,
        eos_token=start,
        pad_token=start,
        clean_up_tokenization_spaces=False,
        model_max_length=gpt.config.max_sequence_length,
    ).save_pretrained(folder)


def to_llama(gpt: GPT) -> LlamaForCausalLM:
    """A LlamaForCausalLM with copies of the weights, fp32, in eval mode."""
    config = gpt.config
    d_kv = config.num_kv_heads * config.head_size
    own = gpt.state_dict()
    weights = {
        "model.embed_tokens.weight": own["embedding.weight"],
        "model.norm.weight": own["norm.weight"],
        "lm_head.weight": own["head.weight"],
    }
    for index in range(config.num_layers):
        ours, theirs = f"blocks.{index}.", f"model.layers.{index}."
        # One product makes query, key and value here, and one makes gate and up; transformers keeps a matrix for each.
        q, k, v = own[ours + "qkv.weight"].split([config.d_model, d_kv, d_kv])
        gate, up = own[ours + "gate_up.weight"].chunk(2)
        weights |= {theirs + f"self_attn.{name}_proj.weight": part for name, part in (("q", q), ("k", k), ("v", v))}
        weights |= {
            theirs + "self_attn.o_proj.weight": own[ours + "attention_out.weight"],
            theirs + "mlp.gate_proj.weight": gate,
            theirs + "mlp.up_proj.weight": up,
            theirs + "mlp.down_proj.weight": own[ours + "down.weight"],
            theirs + "input_layernorm.weight": own[ours + "attention_norm.weight"],
            theirs + "post_attention_layernorm.weight": own[ours + "mlp_norm.weight"],
        }
    llama = LlamaForCausalLM(llama_config(config))
    llama.load_state_dict(
        # Copies: views of the flat parameters would be written to disk as shared tensors, which safetensors refuses.
        {name: tensor.detach().to("cpu", torch.float32, copy=True).contiguous() for name, tensor in weights.items()}
    )
    return llama.eval()


def from_llama(llama: LlamaForCausalLM) -> GPT:
    """A GPT with copies of the weights, fp32, in eval mode. ValueError for a Llama that this model cannot express."""
    theirs = llama.config
    rope = theirs.rope_parameters
    for name, value, wanted in (
        ("tie_word_embeddings", theirs.tie_word_embeddings, False),
        ("attention_bias", theirs.attention_bias, False),
        ("mlp_bias", theirs.mlp_bias, False),
        ("hidden_act", theirs.hidden_act, "silu"),
        ("rope_type", rope["rope_type"], "default"),
        ("head_dim", theirs.head_dim, theirs.hidden_size // theirs.num_attention_heads),
    ):
        if value != wanted:
            raise ValueError(
                f"LlamaConfig: {name} is {value!r}, this model only knows {wanted!r}; convert another checkpoint"
            )
    config = GPTConfig(
        vocab_size=theirs.vocab_size,
        num_layers=theirs.num_hidden_layers,
        d_model=theirs.hidden_size,
        num_heads=theirs.num_attention_heads,
        num_kv_heads=theirs.num_key_value_heads,
        d_ff=theirs.intermediate_size,
        max_sequence_length=theirs.max_position_embeddings,
        rope_theta=float(rope["rope_theta"]),
        norm_eps=theirs.rms_norm_eps,
    )
    source = llama.state_dict()
    weights = {
        "embedding.weight": source["model.embed_tokens.weight"],
        "norm.weight": source["model.norm.weight"],
        "head.weight": source["lm_head.weight"],
    }
    for index in range(config.num_layers):
        own, layer = f"blocks.{index}.", f"model.layers.{index}."
        weights |= {
            own + "qkv.weight": torch.cat([source[layer + f"self_attn.{name}_proj.weight"] for name in "qkv"]),
            own + "gate_up.weight": torch.cat([source[layer + f"mlp.{name}_proj.weight"] for name in ("gate", "up")]),
            own + "attention_out.weight": source[layer + "self_attn.o_proj.weight"],
            own + "down.weight": source[layer + "mlp.down_proj.weight"],
            own + "attention_norm.weight": source[layer + "input_layernorm.weight"],
            own + "mlp_norm.weight": source[layer + "post_attention_layernorm.weight"],
        }
    gpt = GPT(config)
    gpt.load_state_dict({name: tensor.detach().to("cpu", torch.float32) for name, tensor in weights.items()})
    return gpt.eval()
