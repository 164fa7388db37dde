"""The pipeline, the sweep, and one folder per figure or table of the papers."""
