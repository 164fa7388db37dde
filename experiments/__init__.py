"""One folder per figure or table of the papers, tidy readers (tables/) and the look of the figures (style/)."""

import ladder  # noqa: F401  one thread per process, before numpy's library is loaded
from profiles.paths import ROOT


def experiment_stems() -> list[str]:
    """Folders of the figures and tables, in alphabetical order: every folder of experiments/ with a measure.py."""
    return sorted(path.parent.name for path in (ROOT / "experiments").glob("*/measure.py"))
