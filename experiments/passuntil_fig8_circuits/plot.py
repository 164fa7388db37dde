"""Paper P, Figure 8, drawn from results.csv."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import NO_VALUE, markdown_table, number
from experiments.style.stage import plot_main
from experiments.tables.names import UICL_TASKS, series_names

STEM = "passuntil_fig8_circuits"
CURVES = {
    "law": ("task law", "#111111"),
    "steps": ("two steps", "#8e5aa8"),
    "circuits": ("two circuits", "#e4572e"),
    "quadratic": ("quadratic", "#f2b134"),
    "cubic": ("cubic", "#2e86ab"),
    "richards": ("Richards", "#3f9b6c"),
}
MEASURED_COLOR = "#777777"
NUM_COLUMNS = 4
NOTE_WIDTH = 30  # characters that fit into a panel


def draw(results: pd.DataFrame) -> Figure:
    """The eight subtasks with every curve as fitted without the held-out sizes, continued into them."""
    style, points = plotting.Style(results), results[results.metric == "pass_rate"]
    for size, (_, marker) in style.items():
        style[size] = MEASURED_COLOR, marker  # colours are the curves' here
    series = series_names(points)
    figure = plotting.new_figure(6.2)
    axes = plotting.grid(figure, len(UICL_TASKS) // NUM_COLUMNS, NUM_COLUMNS, sharex=True)
    limits = pass_plotting.f_limits(points)
    for task, ax in zip(UICL_TASKS, axes.ravel()):
        one = results[results.task == task]
        pass_plotting.size_axis(ax, points.num_parameters)
        pass_plotting.f_axis(ax, *limits)
        draw_curves(ax, one[one.kind == "fit"], series)
        pass_plotting.draw_rates(ax, one[one.metric == "pass_rate"], style, series, size=4.6)
        pass_plotting.hold_out_ground(ax, points)
        pass_plotting.short_title(ax, task)
        plotting.free_note(ax, advantage_text(one))
    for ax in axes[:, 0]:
        ax.set_ylabel("pass rate (scale of F)")
    for ax in axes[-1]:
        ax.set_xlabel(pass_plotting.SIZE_LABEL)
    plotting.legend(
        figure,
        "Two circuits, two steps and smooth curves, fitted without the held-out sizes",
        [
            *[Line2D([], [], color=color, linewidth=1.3, label=name) for name, color in CURVES.values()],
            *plotting.size_handles(style),
            pass_plotting.held_out_handle(),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        "Notes: log density of the held-out runs under one curve minus that under another, for two circuits the best"
        " smooth curve; above 0 the first describes them better, differences up to 2 tell nothing. Two circuits and two"
        " steps contain the plain law; the cubic has as many parameters as they.",
    )
    return figure


def draw_curves(ax: Axes, fits: pd.DataFrame, series: list[str]) -> None:
    """One colour per curve, the second series dashed."""
    for name, (_, color) in CURVES.items():
        pass_plotting.draw_law(ax, fits[fits.metric == name], series, color=color, linewidth=1.2)


def advantage_text(one: pd.DataFrame) -> str:
    """Both held-out comparisons in words."""
    statistics = one[one.kind == "statistic"].set_index("metric")
    circuits, steps = statistics.loc["circuits_advantage"], statistics.loc["steps_advantage"]
    if not circuits.status.startswith("ok"):
        return textwrap.fill(circuits.status.removeprefix("failed: "), NOTE_WIDTH)
    best, _, series = circuits.status.removeprefix("ok: best smooth curve ").partition(", series ")
    where = f"\n({series})" if series else ""
    advantage = round(circuits.value, 1) + 0.0  # no minus before a zero
    return f"two circuits - {CURVES[best][0]}: {advantage:+.1f}{where}\ntwo steps - task law: {number(steps, 1, 1)}"


def known(value: float, form: str) -> str:
    """The number in a cell; n/a where the fit gave none."""
    return format(value, form) if np.isfinite(value) else NO_VALUE


def table(results: pd.DataFrame) -> str:
    """Every curve on every subtask: parameters, fit and held-out score."""
    rows = [
        [
            row.task.removeprefix("uicl_"),
            row.series,
            CURVES[row.metric][0],
            f"{int(row.num_params)}",
            f"{row.deviance:.1f}",
            known(row.value, "+.1f"),
            known(row.held_out_error_f, ".3f"),
            row.status,
        ]
        for row in results[results.kind == "curve"].itertuples()
    ]
    header = [
        "subtask",
        "series",
        "curve",
        "parameters",
        "deviance (fitted sizes)",
        "held-out log density minus the law's",
        "held-out error of F",
        "status",
    ]
    return markdown_table(header, rows)


if __name__ == "__main__":
    plot_main(STEM, draw, table)
