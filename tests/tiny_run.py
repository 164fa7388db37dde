"""A run of thirty steps of a tiny model, for the tests of training and of its states."""

import dataclasses

from markov_batches import VOCAB, markov_batches

from models.config import GPTConfig, TrainConfig

SHAPE = GPTConfig(
    vocab_size=VOCAB, num_layers=2, d_model=24, num_heads=2, num_kv_heads=2, d_ff=40, max_sequence_length=24
)
B, T = 4, 24
RUN = TrainConfig(
    run="r",
    seed=3,
    data_seed=0,
    total_tokens=30 * B * T,
    batch_sequences=B,
    sequence_length=T,
    max_lr=2e-2,
    warmup_tokens=3 * B * T,
    checkpoint_tokens=(5 * B * T, 10 * B * T),
    precision="fp32",
    resume_every_steps=4,
)
BF16 = dataclasses.replace(RUN, precision="bf16")
FINGERPRINT = "f" * 64
BATCHES = markov_batches(B, T)
