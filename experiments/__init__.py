"""The pipeline, the sweep, and one folder per figure or table of the papers."""

import os

# Before numpy is imported. One thread per process: two one-thread workers do more than one two-thread worker, and sums keep their order, so that a
# stage writes the same bytes whatever the number of cores.
os.environ["OMP_NUM_THREADS"] = "1"
