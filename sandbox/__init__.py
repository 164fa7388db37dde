"""Programs that a model wrote, run apart from their tests, with no file, network or clock within reach."""
