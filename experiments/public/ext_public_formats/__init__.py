"""The same questions answered by a letter and by their own words, over OLMo-2 7B and 13B."""
