"""Scaling laws of pass rates and losses over model sizes, of data sets, items and circuits (paper P)."""
