"""The folders of this room: one per figure, each with a measure.py."""

from profiles.paths import ROOT

# results/public/ and figures/public/: no profile has this name, for the tables are the same whatever the ladder is.
PROFILE = "public"


def public_stems() -> list[str]:
    """Folders of the public figures, in alphabetical order."""
    return sorted(path.parent.name for path in (ROOT / "experiments" / "public").glob("*/measure.py"))
