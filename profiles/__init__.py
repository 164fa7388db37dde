"""Profiles: sizes, budgets and seeds of a ladder (`<name>.yaml`), their schema, and where results lie."""
