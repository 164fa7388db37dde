"""Paper L, Table 3: the mixture of the corpus."""
