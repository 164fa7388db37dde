"""Training corpus at equal loss: C4, RedPajama and RefinedWeb."""
