"""Paper P, Figure 1: what PassUntil sees where a conventional score is zero."""
