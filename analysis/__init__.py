"""Statistics and fits for both papers: plain arrays in, estimates with intervals and a status out. No torch, no paths,
no plots."""
