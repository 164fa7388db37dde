"""Checks of the whole: what a fresh clone makes again, against what git holds."""

import ladder  # noqa: F401  one thread per process, before numpy's library is loaded
