"""A compact LLaMA-like GPT and its trainer. Imports only `kernels` among the rooms; is handed batches, never reads a
corpus."""
