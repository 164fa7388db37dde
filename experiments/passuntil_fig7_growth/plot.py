"""Paper P, Figure 7, drawn from results.csv."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import NO_VALUE, markdown_table, number
from experiments.style.stage import plot_main
from experiments.tables.names import ALL_TASKS, UICL_TASKS, series_names

STEM = "passuntil_fig7_growth"
OTHERS = tuple(task for task in ALL_TASKS if task not in UICL_TASKS)
ORDER = (*UICL_TASKS, *OTHERS)
LAYOUT = [
    [*UICL_TASKS[:5]],
    [*UICL_TASKS[5:], ".", "bends"],
    [*OTHERS],
]  # the empty place holds the names of the last panel
STRAIGHT_COLOR, BENT_COLOR = "#8a8a8a", "#c8405a"
NOTE_WIDTH = 26  # characters that fit into a panel
GROWTH_COLORS = {"accelerated": "#c8405a", "sub-scaling": "#2e86ab"}
WORDS = {"accelerated": "accelerated", "sub-scaling": "sub-scaling", "scaling law not rejected": "no bend"}


def draw(results: pd.DataFrame) -> Figure:
    """Every task's pass rate on the scale of F over model size, with the straight and the bent fit, and all quadratic
    terms with their intervals."""
    style, points = plotting.Style(results), results[results.metric == "pass_rate"]
    series = series_names(points)
    figure = plotting.new_figure(8.0)
    axes = figure.subplot_mosaic(LAYOUT)
    limits = pass_plotting.f_limits(points)
    for task in ALL_TASKS:
        ax, one = axes[task], results[results.task == task]
        here = one[one.metric == "pass_rate"]
        for metric, color, width in (("straight", STRAIGHT_COLOR, 1.0), ("bent", BENT_COLOR, 1.2)):
            pass_plotting.draw_law(
                ax, one[(one.kind == "fit") & (one.metric == metric)], series, color=color, linewidth=width
            )
        pass_plotting.draw_rates(ax, here, style, series, size=4.4)
        pass_plotting.draw_exact(ax, one[one.metric == "pass_rate_exact"])
        pass_plotting.size_axis(ax, points.num_parameters)
        pass_plotting.f_axis(ax, *limits)
        pass_plotting.short_title(ax, task)
        plotting.free_note(ax, "\n".join(filter(None, [growth_text(one), pass_plotting.censored_note(here)])))
    for row in LAYOUT:
        axes[row[0]].set_ylabel("pass rate (scale of F)")
    for task in OTHERS:
        axes[task].set_xlabel(pass_plotting.SIZE_LABEL, fontsize=7.5)
    draw_bends(axes["bends"], results, series)
    plotting.legend(
        figure,
        "Kinds of growth: the eight subtasks of unnatural in-context learning, and the other tasks",
        [
            *plotting.size_handles(style),
            Line2D([], [], color=STRAIGHT_COLOR, label="task law"),
            Line2D([], [], color=BENT_COLOR, label="with quadratic term"),
            pass_plotting.exact_handle(),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        "Bars: 95 % sampling intervals of the mean over the items; arrows: runs without a pass. Accelerated (concave F)"
        " and sub-scaling: quadratic term significant at 5 % after Holm's correction over the eight subtasks, or over"
        " the five others. Censored: items stopped at the cap before the target.",
    )
    return figure


def growth_text(one: pd.DataFrame) -> str:
    """Kind of growth and corrected p-value, per series."""
    rows = one[one.kind == "growth"]
    texts = []
    for row in rows.itertuples():
        name = f"{row.series}: " if len(rows) > 1 else ""
        if row.metric in WORDS:
            texts.append(f"{name}{WORDS[row.metric]} (p = {row.p_holm:.2g})")
        else:
            texts.append(textwrap.fill(f"{name}{row.metric.removeprefix('failed: ')}", NOTE_WIDTH))
    return "\n".join(texts)


def draw_bends(ax: Axes, results: pd.DataFrame, series: list[str]) -> None:
    """Quadratic terms with simultaneous intervals; coloured where significant after Holm's correction."""
    rows = results[results.kind == "growth"]
    for y, task in enumerate(ORDER):
        for place, row in enumerate(rows[rows.task == task].itertuples()):
            if not np.isfinite(row.value):
                continue
            color, height = GROWTH_COLORS.get(row.metric, "#555555"), y + 0.3 * (place - 0.5 * (len(series) - 1))
            ax.plot([row.low, row.high], [height] * 2, color=color, linewidth=1.5, alpha=0.6)
            ax.plot(
                row.value,
                height,
                marker="o",
                markersize=4.5,
                color=color,
                markerfacecolor="white" if place else color,
                linestyle="none",
            )
    ax.axvline(0, color=plotting.CHANCE_COLOR, linestyle=(0, (4, 2)), linewidth=1.0)
    ax.set_yticks(range(len(ORDER)), [""] * len(ORDER))
    for y, task in enumerate(ORDER):
        name = pass_plotting.SHORT_NAMES.get(task, task).replace("\n", " ")
        ax.text(
            -0.04, y, name, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=6.8
        ).set_in_layout(False)
    ax.set_ylim(len(ORDER) - 0.4, -0.6)
    shown = rows[["low", "high"]].to_numpy(float)
    if np.isfinite(shown).any():
        reach = 1.1 * float(np.nanmax(np.abs(rows.value.to_numpy(float)))) + float(
            np.nanmedian(shown[:, 1] - shown[:, 0])
        )
        ax.set_xlim(-reach, reach)
    ax.set_title("bend of F in log N", loc="left", fontweight="bold", fontsize=7.6)
    ax.set_xlabel("bend (below 0: concave)", fontsize=7.5)


def table(results: pd.DataFrame) -> str:
    """Quadratic terms, p-values and kinds of growth as a markdown table, beside the test on exact rates."""
    rows = []
    for row in results[results.kind == "growth"].itertuples():
        exact = results[(results.task == row.task) & (results.metric == "bend_exact") & (results.kind == "statistic")]
        points = results[(results.task == row.task) & (results.metric == "pass_rate") & (results.series == row.series)]
        rows.append(
            [
                row.task,
                row.series,
                number(pd.Series(row._asdict()), 1, 3),
                f"{row.p_value:.3g}",
                f"{row.p_holm:.3g}",
                WORDS.get(row.metric, row.metric),
                number(exact.iloc[0], 1, 3) if len(exact) else NO_VALUE,
                f"{int((points.value > 0).sum())} of {len(points)}",
                f"{int(points.num_censored.sum())} of {int(points.num_items.sum())}",
            ]
        )
    header = [
        "task",
        "series",
        "quadratic term",
        "p",
        "p (Holm)",
        "growth",
        "quadratic term, exact rates",
        "runs with a pass",
        "items censored",
    ]
    return markdown_table(header, rows)


if __name__ == "__main__":
    plot_main(STEM, draw, table)
