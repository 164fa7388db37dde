"""The real benchmarks, from their published files: rows, prompts, answers and checkers."""
