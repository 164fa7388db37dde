"""Paper L, Figure 1: performance against loss for the intermediate checkpoints of the three long runs."""
