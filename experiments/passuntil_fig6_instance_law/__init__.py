"""Paper P, Figure 6: laws of single items, and what they predict for held-out sizes."""
