"""Paper L, Equations 3 to 5: the model size at which an ability appears."""
