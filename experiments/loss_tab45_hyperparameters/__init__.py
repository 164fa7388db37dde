"""Paper L, Tables 4 and 5: hyper-parameters of the runs."""
