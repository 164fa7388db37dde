"""Beyond the papers: the threshold tasks of paper L with the resolution of paper P."""
