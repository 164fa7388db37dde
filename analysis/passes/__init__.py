"""Estimates and intervals of pass rates from counts and stopping times (paper P, Theorem 1)."""
