"""Log-likelihoods and greedy answers of items, and the metrics of paper L with their intervals."""
