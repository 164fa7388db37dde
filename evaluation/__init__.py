"""Scores of a checkpoint: log-likelihoods and greedy answers of items (scoring), metrics with intervals (metrics), tidy rows (runner).
Pass rates of sampled attempts at any resolution, of our checkpoints or any causal LM: passuntil (sampled, shared, exact, weighted)."""
