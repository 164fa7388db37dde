"""Scores of a checkpoint: log-likelihoods and greedy answers of items (scoring), metrics with intervals (metrics), tidy rows (runner)."""
