"""One interface to next-token distributions of our checkpoints and of any causal transformers model."""
