"""One folder per figure or table of the papers, tidy readers (tables/) and the look of the figures (style/)."""

import ladder  # noqa: F401  one thread per process, before numpy's library is loaded
