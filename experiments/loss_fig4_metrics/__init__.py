"""Paper L, Figure 4: the exam under accuracy, the probability of the right choice and the Brier score."""
