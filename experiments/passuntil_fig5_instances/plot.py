"""Paper P, Figure 5, drawn from results.csv."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import ITEM_TASKS, series_names

STEM = "passuntil_fig5_instances"
ITEM_COLOR = "#9aa5ad"
LOSS_TICKS = (0.1, 0.3, 1, 3, 10, 30, 100)
CHANCE_LINE_LABEL = "exp(-loss): the reference alone passes"


def draw(results: pd.DataFrame) -> Figure:
    """Above: single items over size with the mean of the task. Below: the same cells against the loss of the reference
    answer."""
    style, points, items = (
        plotting.Style(results),
        results[results.metric == "pass_rate"],
        results[results.kind == "item"],
    )
    points = points[points.kind == "checkpoint"]
    series = series_names(points)
    figure = plotting.new_figure(6.2)
    axes = plotting.grid(figure, 2, len(ITEM_TASKS), sharey=True)
    limits = pass_plotting.f_limits(items)
    for (over_size, over_loss), task in zip(axes.T, ITEM_TASKS):
        one, shown = results[results.task == task], items[(items.task == task) & (items.series == series[0])]
        draw_item_laws(over_size, shown)
        pass_plotting.draw_rates(over_size, points[points.task == task], style, series, size=4.6)
        pass_plotting.size_axis(over_size, points.num_parameters)
        pass_plotting.short_title(over_size, task)
        over_size.set_xlabel(pass_plotting.SIZE_LABEL, fontsize=7.5)
        draw_against_loss(over_loss, shown, style)
        over_loss.set_xlabel("loss of the reference answer (nats)", fontsize=7.5)
        statistics = one[one.kind == "statistic"].set_index("metric")
        fit, spread = (number(statistics.loc[name]) for name in ("item_law_r2", "exponent_spread"))
        plotting.free_note(over_size, f"R2 of one item {fit}\nspread of alpha {spread}")
        plotting.free_note(over_loss, f"rank correlation\n{number(statistics.loc['loss_rank'])}")
    for row in axes:
        row[0].set_ylabel("pass rate of one item (scale of F)")
    pass_plotting.f_axis(axes[0, 0], *limits)
    plotting.legend(
        figure,
        "Single items: pass rate over model size, and against the loss of the reference answer",
        [
            *plotting.size_handles(style),
            Line2D([], [], color=ITEM_COLOR, linewidth=0.8, label="one item"),
            Line2D([], [], color=plotting.FIT_COLOR, linestyle=(0, (4, 2)), label=CHANCE_LINE_LABEL),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        f"Items of series {series[0]}, first seed; where nothing passed within the cap an item has no point (its line"
        " begins later). Large markers: mean over the items with its 95 % sampling interval. Light bars: 95 % interval"
        " of one item. Above the dashed line other answers than the reference pass too.",
    )
    return figure


def draw_item_laws(ax: Axes, items: pd.DataFrame) -> None:
    """One thin line per item over the sizes at which it passed."""
    for _, item in items[items.value > 0].groupby("item_id"):
        line = item.sort_values("num_parameters")
        ax.plot(
            line.num_parameters,
            line.value.clip(upper=pass_plotting.LARGEST_SHOWN),
            color=ITEM_COLOR,
            linewidth=0.6,
            alpha=0.45,
            zorder=1,
        )


def draw_against_loss(ax: Axes, items: pd.DataFrame, style: plotting.Style) -> None:
    """Cells with a pass against the loss of the reference answer, coloured by size, with light intervals and the line
    on which the reference carries all."""
    passed = items[items.value > 0]
    for name, (color, marker) in style.items():
        part = passed[passed["size"] == name]
        ax.vlines(
            part.answer_loss_nats,
            part.low.clip(lower=pass_plotting.SMALLEST_SHOWN),
            part.high.clip(upper=pass_plotting.LARGEST_SHOWN),
            color=color,
            linewidth=0.5,
            alpha=0.22,
        )
        ax.plot(
            part.answer_loss_nats,
            part.value.clip(upper=pass_plotting.LARGEST_SHOWN),
            linestyle="none",
            marker=marker,
            markersize=2.6,
            color=color,
            alpha=0.7,
            markeredgewidth=0,
        )
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(FixedLocator(LOSS_TICKS))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if len(passed):
        ends = float(passed.answer_loss_nats.min()) / 1.2, float(passed.answer_loss_nats.max()) * 1.2
        loss = np.geomspace(*ends, 60)
        ax.plot(loss, np.exp(-loss), color=plotting.FIT_COLOR, linestyle=(0, (4, 2)), linewidth=1.0, zorder=4)
        ax.set_xlim(*ends)


if __name__ == "__main__":
    plot_main(STEM, draw)
