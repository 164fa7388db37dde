"""Is there a threshold in a table of checkpoints, where, and does size or corpus matter at equal loss (paper L)."""
