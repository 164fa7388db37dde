"""The papers' claims, their own numbers, and the verdicts computed from the experiments' results."""
