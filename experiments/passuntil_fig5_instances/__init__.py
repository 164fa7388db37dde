"""Paper P, Figure 5: pass rates of single items over size and against their test loss."""
