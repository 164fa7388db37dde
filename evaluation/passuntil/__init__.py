"""Pass rates at any resolution (paper P): sampled until a pass, counted, exact, and by importance weights."""
