"""Public tables of other people's models: where each comes from, how it is assembled and checked, tidy rows of it."""
