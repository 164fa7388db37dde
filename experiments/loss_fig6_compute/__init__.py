"""Paper L, Figure 6: the same points against training compute."""
