"""What the interval of a score is made of."""
