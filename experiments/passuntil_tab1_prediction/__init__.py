"""Paper P, Table 1: predicted and measured pass rates of the held-out sizes."""
