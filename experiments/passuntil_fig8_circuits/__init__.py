"""Paper P, Figure 8: several circuits or several steps, judged on held-out sizes."""
