"""Paper P, Figure 2: items passed by beam search and by 1, 100 and 10 000 random samples."""
