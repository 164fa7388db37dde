"""Paper L, Figure 5: intermediate checkpoints of the 28 smaller runs."""
