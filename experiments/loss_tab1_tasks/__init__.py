"""Paper L, Table 1: the tasks, how they are asked and scored."""
