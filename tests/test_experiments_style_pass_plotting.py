"""Axes for tiny pass rates: straight laws are straight, zeros are shown as bounds, held-out sizes stand apart, every
task has a name."""

import numpy as np
import pandas as pd
import pytest

from analysis.task_law.fit import pass_rate
from experiments.style import pass_plotting, plotting
from experiments.tables.names import ALL_TASKS
from tasks import PASS_TASKS
from tests.planted_pass_rates import SIZES


def axis():
    return plotting.grid(plotting.new_figure(2.0, 4.0), 1, 1)[0, 0]


def points(values) -> pd.DataFrame:
    values = np.asarray(values, float)
    return pd.DataFrame(
        {
            "size": list(SIZES),
            "num_parameters": list(SIZES.values()),
            "series": "prose",
            "value": values,
            "low": values / 2,
            "high": np.where(values > 0, values * 1.5, 1e-5),
            "is_held_out": [False] * 5 + [True] * 2,
            "num_items": 10,
            "num_censored": 2,
        }
    )


def style() -> plotting.Style:
    return plotting.Style(pd.DataFrame({"kind": "size", "size": list(SIZES), "value": list(SIZES.values())}))


def test_the_task_law_is_a_straight_line_on_the_f_axis():
    ax, size = axis(), np.array(list(SIZES.values()))
    pass_plotting.size_axis(ax, pd.Series(size))
    pass_plotting.f_axis(ax, 1e-9, 0.9)
    ax.plot(size, pass_rate(size, 6.0, 0.4))
    shown = ax.transData.transform(ax.lines[0].get_xydata())
    slopes = np.diff(shown[:, 1]) / np.diff(shown[:, 0])
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-6)


def test_ticks_of_the_f_axis_are_pass_rates_inside_it():
    ax = axis()
    pass_plotting.f_axis(ax, 1e-4, 0.6)
    ticks = ax.get_yticks()
    assert list(ticks) == [1e-3, 1e-2, 0.05, 0.2, 0.5]
    assert ax.yaxis.get_major_formatter()(1e-5, 0) == "$10^{-5}$" and ax.yaxis.get_major_formatter()(0.05, 0) == "0.05"


def test_a_run_without_a_pass_is_a_bound_and_not_a_point():
    ax, rates = axis(), points([0, 1e-4, 1e-3, 0.01, 0.1, 0.2, 1.0])
    pass_plotting.log_rate_axis(ax, 1e-6)
    pass_plotting.draw_rates(ax, rates, style(), ["prose"])
    markers = [line for line in ax.lines if line.get_marker() not in ("None", "_", None)]
    assert len(markers) == 6 and len(ax.texts) == 1, "six points, one arrow"
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "_"] == [1e-5]


def test_held_out_sizes_stand_on_their_ground_and_only_they():
    ax, rates = axis(), points([0.1] * 7)
    pass_plotting.size_axis(ax, rates.num_parameters)
    pass_plotting.hold_out_ground(ax, rates)
    left = ax.patches[0].get_x()
    assert SIZES["0.7M"] < left < SIZES["1.4M"]
    empty = axis()
    pass_plotting.hold_out_ground(empty, rates.assign(is_held_out=False))
    assert not empty.patches


def test_second_series_is_hollow():
    ax, rates = axis(), points([0.1] * 7)
    pass_plotting.draw_rates(ax, pd.concat([rates, rates.assign(series="code")]), style(), ["prose", "code"])
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() not in ("None", None)]
    assert faces.count("white") == 7 and len(faces) == 14
    assert len(pass_plotting.series_handles(["prose", "code"])) == 2 and not pass_plotting.series_handles(["prose"])


def test_chance_is_drawn_where_the_axis_reaches_it():
    ax = axis()
    pass_plotting.log_rate_axis(ax, 1e-3)
    pass_plotting.draw_chance_rate(ax, "maths")
    pass_plotting.draw_chance_rate(ax, "uicl_dates_unnatural_content")
    assert len(ax.lines) == 1 and ax.lines[0].get_ydata()[0] == PASS_TASKS["maths"].chance


@pytest.mark.parametrize("task", ALL_TASKS)
def test_every_task_has_a_title_and_an_axis_name(task):
    ax = axis()
    pass_plotting.short_title(ax, task)
    assert ax.get_title(loc="left") and max(map(len, pass_plotting.axis_name(task).split("\n"))) <= 34


def test_tasks_of_the_table_are_those_that_can_be_sampled():
    assert tuple(PASS_TASKS) == ALL_TASKS


def test_texts():
    rates = points([0.1] * 7)
    assert pass_plotting.censored_note(rates) == "14/70 censored" and not pass_plotting.censored_note(
        rates.assign(num_censored=0)
    )
    assert pass_plotting.rate_text(pd.Series({"value": 0.01234, "low": 0.01, "high": 0.02})) == "0.0123 [0.01, 0.02]"
    assert pass_plotting.rate_text(pd.Series({"value": np.nan, "low": np.nan, "high": np.nan})) == "n/a"
