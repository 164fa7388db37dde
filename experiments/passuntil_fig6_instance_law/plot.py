"""Paper P, Figure 6, drawn from results.csv."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import ITEM_TASKS

STEM = "passuntil_fig6_instance_law"
METHODS = {"item_law": ("items' own laws", ""), "assisted": ("with the test loss", "_assisted")}


def draw(results: pd.DataFrame) -> Figure:
    """Predicted against measured pass rate of every item at the held-out sizes: own laws above, with the test loss
    below."""
    style, table = plotting.Style(results), results[results.kind == "prediction"]
    sizes = list(table.drop_duplicates("size").sort_values("num_parameters")["size"])
    floor = lowest_shown(table)
    figure = plotting.new_figure(5.6)
    axes = plotting.grid(figure, len(METHODS), len(ITEM_TASKS), sharex=True, sharey=True)
    for row, (method, (words, suffix)) in zip(axes, METHODS.items()):
        for ax, task in zip(row, ITEM_TASKS):
            draw_item_predictions(ax, table[(table.task == task) & (table.metric == method)], style, sizes, floor)
            plotting.note(ax, draw_summary(results[results.task == task], suffix))
            if method == "item_law":
                pass_plotting.short_title(ax, task)
            else:
                ax.set_xlabel("measured pass rate")
        row[0].set_ylabel(f"predicted, {words}")
    for axis in (axes[0, 0].xaxis, axes[0, 0].yaxis):
        axis.set_major_locator(LogLocator(10, numticks=7))
        axis.set_minor_locator(NullLocator())
    plotting.legend(
        figure,
        "Single items at the held-out sizes, predicted from the smaller ones",
        [
            *[
                Line2D([], [], linestyle="none", marker="o", markersize=5, color=style[size][0], label=size)
                for size in sizes
            ],
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                markersize=5,
                color=plotting.FIT_COLOR,
                markerfacecolor="white",
                label="passes in under 3 fitted runs",
            ),
            Line2D([], [], color=plotting.CHANCE_COLOR, linestyle=(0, (4, 2)), label="predicted as measured"),
        ],
    )
    plotting.footnote(
        figure,
        "Bars: range in which the measured estimate should fall 95 times of 100 (law, noise, sampling). At the lower"
        " edge: items that never passed. Mean: predicted over measured pass rate of the task at the largest size,"
        " minus 1.",
    )
    return figure


def lowest_shown(table: pd.DataFrame) -> float:
    """Smallest decade that holds what was measured."""
    seen = table.measured[table.measured > 0] if len(table) else pd.Series([0.01])
    return float(min(seen.min(), 0.01)) / 10


def draw_item_predictions(ax: Axes, table: pd.DataFrame, style: plotting.Style, sizes: list[str], floor: float) -> None:
    """One point and range per item and held-out run, and the diagonal."""
    for size in sizes:
        color, _ = style[size]
        part = table[table["size"] == size]
        place = part.measured.clip(lower=floor)
        ax.vlines(
            place, part.low.clip(lower=floor), part.high.clip(lower=floor), color=color, linewidth=0.6, alpha=0.25
        )
        for is_few in (False, True):
            shown = part.few_passes.astype(str).eq(str(is_few))
            ax.plot(
                place[shown],
                part.value[shown].clip(lower=floor),
                linestyle="none",
                marker="o",
                markersize=3,
                color=color,
                alpha=0.75,
                markerfacecolor="white" if is_few else color,
                markeredgewidth=0.6,
            )
    ax.plot([floor, 1], [floor, 1], color=plotting.CHANCE_COLOR, linestyle=(0, (4, 2)), linewidth=1.0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(floor / 1.5, 1.5)
    ax.set_ylim(floor / 1.5, 60.0)


def draw_summary(one: pd.DataFrame, suffix: str) -> str:
    """Coverage, error with the loss over error without it, deviation of the mean."""
    statistics = one[one.kind == "statistic"].set_index("metric")
    covered = number(statistics.loc["item_coverage" + suffix], 100, 0)
    lines = [
        f"in range {covered} %" if covered[0].isdigit() else covered,
        f"mean {number(statistics.loc['mean_deviation_percent' + suffix], 1, 0)} %",
    ]
    if suffix:
        lines.append(f"error ratio {number(statistics.loc['assisted_error_ratio'])}")
    return "\n".join(lines)


if __name__ == "__main__":
    plot_main(STEM, draw)
