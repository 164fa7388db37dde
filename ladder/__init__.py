"""The engine of every run of both papers: plan, train, measure, resume, join."""

import os

# Before numpy is imported. One thread per process: two one-thread workers do more than one two-thread worker, and sums
# keep their order, so that a stage writes the same bytes whatever the number of cores.
os.environ["OMP_NUM_THREADS"] = "1"
