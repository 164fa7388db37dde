"""Paper P, Figure 1, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import pass_plotting, plotting
from experiments.style.stage import plot_main
from experiments.tables.names import LAW_TASKS, MATHS_TASKS, UICL_TASKS, series_names

STEM = "passuntil_fig1_resolution"
PANELS = ((*LAW_TASKS, *MATHS_TASKS), (*UICL_TASKS[:4], "cost"), (*UICL_TASKS[4:], "cost"))
CONVENTIONAL_COLOR = "#8a8a8a"
FLOOR_DECADES = 1.5  # room below the smallest rate shown
COST_LOOKS = {"cost_ratio": "full", "cost_ratio_new_items": "none"}
COST_NAMES = {"cost_ratio": "items like these", "cost_ratio_new_items": "new items"}


def draw(results: pd.DataFrame) -> Figure:
    """Pass rates of all tasks against model size on logarithmic axes, the conventional score beside them, and the cost
    of both at equal resolution."""
    style = plotting.Style(results)
    points, first = (
        results[(results.kind == "checkpoint") & (results.metric == metric)]
        for metric in ("pass_rate", "conventional_score")
    )
    series = series_names(points)
    figure = plotting.new_figure(7.6)
    axes = figure.subplot_mosaic([list(row) for row in PANELS])
    floor = float(points.value[points.value > 0].min()) / 10**FLOOR_DECADES if (points.value > 0).any() else 1e-6
    for task, ax in axes.items():
        if task == "cost":
            continue
        one = points[points.task == task]
        pass_plotting.size_axis(ax, one.num_parameters)
        pass_plotting.log_rate_axis(ax, floor)
        pass_plotting.draw_chance_rate(ax, task)
        _draw_conventional(ax, first[first.task == task], floor, float(one.num_items.max()))
        pass_plotting.draw_rates(ax, one, style, series)
        pass_plotting.short_title(ax, task)
        plotting.free_note(ax, _summary(results, task, one))
    for row in PANELS:
        axes[row[0]].set_ylabel(pass_plotting.RATE_LABEL)
        for task in row[1:-1] if row[-1] == "cost" else row[1:]:
            axes[task].tick_params(labelleft=False)
    for task in PANELS[-1][:-1]:
        axes[task].set_xlabel(pass_plotting.SIZE_LABEL, fontsize=7.5)
    _draw_cost(axes["cost"], results[results.kind == "cost"], style)
    plotting.legend(
        figure,
        "What sampling until a pass sees, and what a conventional test of as many items sees",
        [
            *plotting.size_handles(style, points["size"]),
            Line2D(
                [],
                [],
                color=CONVENTIONAL_COLOR,
                marker="_",
                markersize=9,
                linestyle="none",
                label="one attempt per item",
            ),
            Line2D(
                [], [], color=CONVENTIONAL_COLOR, marker="x", markersize=5, linestyle="none", label="its score is 0"
            ),
            Line2D([], [], color=CONVENTIONAL_COLOR, linestyle=(0, (1, 1.5)), label="1 / items"),
            plotting.chance_handle(),
        ],
    )
    plotting.footnote(
        figure,
        "Bars: 95 % intervals of the mean over these items; an arrow points down from the upper end where no attempt"
        " passed. Cost: token positions run through the model, over those of a one-attempt test of equal standard error"
        " (answers alone, prompts not counted); above 1 more items are cheaper. Hollow: the test's items are new ones,"
        " so that differences between items average out as well, which sampling the same items cannot do. Chance: a"
        " guesser who knows the form of the answer.",
    )
    return figure


def _draw_conventional(ax, rows: pd.DataFrame, floor: float, num_items: float) -> None:
    seen, unseen = rows[rows.value > 0], rows[~(rows.value > 0)]
    errors = [(seen.value - seen.low).clip(lower=0), (seen.high - seen.value).clip(lower=0)]
    ax.errorbar(
        seen.num_parameters * 1.09,
        seen.value,
        yerr=errors,
        fmt="_",
        markersize=6,
        color=CONVENTIONAL_COLOR,
        elinewidth=0.7,
        alpha=0.8,
        zorder=2,
    )
    ax.plot(
        unseen.num_parameters * 1.09,
        [floor * 1.7] * len(unseen),
        linestyle="none",
        marker="x",
        markersize=4.5,
        color=CONVENTIONAL_COLOR,
        zorder=2,
    )
    ax.axhline(1 / num_items, color=CONVENTIONAL_COLOR, linestyle=(0, (1, 1.5)), linewidth=1.0, zorder=1)


def _summary(results: pd.DataFrame, task: str, points: pd.DataFrame) -> str:
    statistic = results[
        (results.kind == "statistic") & (results.task == task) & (results.metric == "decades_resolved")
    ].iloc[0]
    words = f"{statistic.value:.1f} decades\nbelow 1 / items" if statistic.status.startswith("ok") else "no hidden size"
    return "\n".join(part for part in (words, pass_plotting.censored_note(points)) if part)


def _draw_cost(ax, costs: pd.DataFrame, style: plotting.Style) -> None:
    ax.set_title("cost at equal resolution", loc="left", fontweight="bold", fontsize=8)
    if costs.empty:
        plotting.note(ax, "no run passes an item")
        return
    for metric, fill in COST_LOOKS.items():
        for name, (color, marker) in style.items():
            part = costs[(costs.metric == metric) & (costs["size"] == name)]
            ax.plot(
                part.pass_rate,
                part.value,
                linestyle="none",
                marker=marker,
                markersize=4.5,
                color=color,
                fillstyle=fill,
                markeredgewidth=0.7,
                markeredgecolor="white" if fill == "full" else color,
                alpha=0.9,
            )
    ax.axhline(1.0, color=plotting.FIT_COLOR, linewidth=0.9, zorder=1)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(pass_plotting.RATE_LABEL, fontsize=7.5)
    ax.set_ylabel("cost relative to a test of more items", fontsize=7.5)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 30)
    ax.legend(
        handles=[
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                markersize=4.5,
                color=plotting.FIT_COLOR,
                fillstyle=fill,
                label=COST_NAMES[metric],
            )
            for metric, fill in COST_LOOKS.items()
        ],
        loc="upper left",
        fontsize=6.8,
        frameon=False,
        handletextpad=0.2,
    )


if __name__ == "__main__":
    plot_main(STEM, draw)
