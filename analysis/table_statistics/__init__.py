"""The numbers that the papers' claims are judged by, on a table of anybody's models: same estimators, same names."""
