"""Paper P, Figure 3: the loss law of the series."""
