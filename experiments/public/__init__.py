"""The papers' claims on real models: public tables of other people's checkpoints, judged by the same statistics.

One folder per figure, as in experiments/; the tables are never committed (sources.py says where each comes from)."""
