"""Paper P, Figure 7: the kinds of growth of the unnatural in-context learning subtasks."""
