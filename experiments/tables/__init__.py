"""Tidy tables of results, and statistics that several figure folders share."""
