"""Statistics with one number per run: means over runs and series, shifts between sizes."""
