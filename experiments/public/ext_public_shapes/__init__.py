"""Size and shape at equal loss over 22 shapes of 48M to 2.0B on one corpus."""
