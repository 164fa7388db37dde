"""Paper L, Figure 2: the final checkpoints of 28 smaller runs against the curve of the long runs."""
