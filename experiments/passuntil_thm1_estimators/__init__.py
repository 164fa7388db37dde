"""Paper P, Theorem 1: estimators of a pass rate from stopped sampling."""
