"""The largest size of a series left out: paper P's law against plain rivals."""
