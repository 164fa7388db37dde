"""Paper P, Figure 4: F = log(-log pass rate) against the logarithm of model size."""
