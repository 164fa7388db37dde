"""Paper L, Table 2: correlation of loss and performance, ours beside the paper's."""
