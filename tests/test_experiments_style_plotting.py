"""The look of all figures: stable bytes, one style per size, the reversed loss axis, and numbers in notes."""

import numpy as np
import pandas as pd
import pytest

from experiments.style import plotting
from experiments.style.axes import _readable_ticks, loss_axis, percent_axis
from experiments.style.markdown import markdown_table


def results(sizes=("small", "middle", "large")) -> pd.DataFrame:
    return pd.DataFrame({"kind": "size", "size": list(sizes), "value": np.arange(1, len(sizes) + 1) * 1e5})


def points() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": ["small", "small", "large"],
            "run": ["a", "a", "b"],
            "tokens_seen": [1, 2, 1],
            "loss_nats": [3.0, 2.0, 1.5],
            "value": [0.2, 0.4, 0.9],
            "low": [0.1, 0.3, 0.8],
            "high": [0.3, 0.5, 1.0],
        }
    )


def drawn() -> plotting.Figure:
    figure = plotting.new_figure(2.0, 4.0)
    ax = plotting.grid(figure, 1, 1)[0, 0]
    plotting.draw_points(ax, points(), plotting.Style(results()), joined=True)
    loss_axis(ax, points().loss_nats)
    percent_axis(ax)
    return figure


def test_equal_figures_have_equal_bytes_and_carry_no_date(tmp_path):
    for name in ("a.png", "b.png"):
        with plotting.house_style():
            plotting.save(drawn(), tmp_path / name)
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in first and b"tIME" not in first


def test_figure_has_its_size_in_inches():
    assert tuple(drawn().get_size_inches()) == (4.0, 2.0) and drawn().dpi == plotting.DPI


def test_a_size_looks_the_same_whichever_sizes_are_drawn_and_differs_from_the_others():
    style = plotting.Style(results())
    assert style == plotting.Style(results().sample(frac=1, random_state=1))
    assert len({marker for _, marker in style.values()}) == len({color for color, _ in style.values()}) == 3
    assert [handle.get_label() for handle in plotting.size_handles(style, ["large", "small"])] == ["small", "large"]


def test_loss_falls_to_the_right_and_tick_labels_stand_apart():
    ax = drawn().axes[0]
    left, right = ax.get_xlim()
    assert left > 3.0 > 1.5 > right
    ticks = _readable_ticks(0.9, 6.0)
    assert min(np.diff(-np.log(ticks))) > 0.12 * np.log(6.0 / 0.9)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"status": "ok", "value": 0.123, "low": 0.1, "high": 0.2}, "12 [10, 20]"),
        ({"status": "ok: 3 runs", "value": -0.001, "low": np.nan, "high": np.nan}, "0"),
        ({"status": "not reached: no rise", "value": np.nan, "low": np.nan, "high": np.nan}, "not reached"),
        ({"status": "failed: 2 runs", "value": np.nan, "low": np.nan, "high": np.nan}, "n/a"),
    ],
)
def test_numbers_in_notes(row, text):
    assert plotting.number(pd.Series(row), 100, 0) == text


def test_no_threshold_is_drawn_where_none_was_found():
    figure = plotting.new_figure(2.0, 4.0)
    ax = plotting.grid(figure, 1, 1)[0, 0]
    lost = pd.DataFrame(
        {"value": [1.5], "low": [np.nan], "high": [np.nan], "status": ["not reached: no rise above chance"]}
    )
    plotting.draw_onset(ax, lost)
    assert not ax.lines and not ax.patches
    plotting.draw_onset(ax, lost.assign(status="ok", low=1.4, high=1.6))
    assert len(ax.lines) == 1 and len(ax.patches) == 1


def test_threshold_note_says_when_a_smooth_curve_does_better():
    one = pd.DataFrame(
        {
            "kind": "statistic",
            "metric": ["onset_loss", "hinge_advantage"],
            "value": [1.5, -4.0],
            "low": [1.4, -6.0],
            "high": [1.6, -2.0],
            "status": "ok",
        }
    )
    assert plotting.threshold_note(one) == "threshold 1.50 [1.40, 1.60]\n(a smooth curve fits better)"
    assert plotting.threshold_note(one.assign(value=[1.5, 4.0])) == "threshold 1.50 [1.40, 1.60]"


def test_markdown_table():
    assert markdown_table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"
