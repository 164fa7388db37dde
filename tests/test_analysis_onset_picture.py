"""The picture is written whole, with the same bytes for the same table, for every verdict."""

import numpy as np
import pytest
from matplotlib.image import imread

from analysis.onset.picture import draw_report
from analysis.onset.report import onset_report
from analysis.onset.table import Columns, check_table
from tests.planted_onsets import planted_table


@pytest.mark.parametrize("kind", ["threshold", "smooth", "flat"])
def test_picture(tmp_path, kind):
    table = check_table(planted_table(kind), Columns("loss", "acc", "model", "step", items=2000), 0.25)
    report = onset_report(table, num_replicates=50)
    for name in ("a.png", "b.png"):
        draw_report(table, report, tmp_path / "new" / name)
    first, second = ((tmp_path / "new" / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second and not list((tmp_path / "new").glob("*.partial"))
    pixels = imread(tmp_path / "new" / "a.png")
    assert pixels.shape[1] > 1000 and len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
