"""What is measured of runs: scores and pass rates, one file per run and their join."""
