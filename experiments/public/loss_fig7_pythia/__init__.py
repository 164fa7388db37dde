"""Paper L, Figure 7: Pythia, with WikiText bits per byte and LAMBADA's ln perplexity as proxies of the loss."""
