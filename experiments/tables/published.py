"""The papers' own numbers, read from paper/published/ (facts, committed; see the README there)."""

import pandas as pd

from files.tables import read_csv
from profiles.paths import ROOT

FOLDER = ROOT / "paper" / "published"


def load_published(name: str) -> pd.DataFrame:
    """One table of paper/published by its stem, every row with its source. ValueError for an absent table or one
    without sources."""
    path = FOLDER / f"{name}.csv"
    if not path.exists():
        raise ValueError(
            f"{path.relative_to(ROOT)}: no such table; choose one of"
            f" {', '.join(sorted(p.stem for p in FOLDER.glob('*.csv')))}"
        )
    table = read_csv(path, "restore it with git")
    if "source" not in table.columns or table.source.isna().any():
        raise ValueError(f"{path.relative_to(ROOT)}: a row has no source; name the table or section it comes from")
    return table
