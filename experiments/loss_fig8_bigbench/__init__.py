"""Paper L, Figure 8: stand-ins for three BIG-bench tasks."""
