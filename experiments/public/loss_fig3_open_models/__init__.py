"""Paper L, Figure 3: another framework's models on one curve, the OLMo ladder and OLMo-2, 190M to 13B."""
