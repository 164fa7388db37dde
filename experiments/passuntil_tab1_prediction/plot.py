"""Paper P, Table 1, as a dot plot and as a table, from results.csv."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import NO_VALUE, markdown_table, number
from experiments.style.stage import plot_main
from experiments.tables.names import ALL_TASKS, LAW_TASKS, series_names

STEM = "passuntil_tab1_prediction"
LEVELS = {
    "dataset": ("data set (Eq. 4)", "#2e86ab", "o"),
    "length": ("data set with answer length (Eq. 3)", "#8e5aa8", "s"),
    "instance": ("item by item", "#ef7d57", "^"),
}
TICKS = (0.1, 0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0, 10.0)
MAX_RATIO = 12.0
CRITERION = 0.2  # paper/claims.yaml, prediction_dataset and prediction_instance


def draw(results: pd.DataFrame) -> Figure:
    """Predicted over measured pass rate of the held-out sizes, on three levels, with the paper's values."""
    predicted = results[results.kind == "prediction"]
    measured = results[results.kind == "checkpoint"].sort_values("num_parameters")
    sizes, series = list(dict.fromkeys(measured["size"])), series_names(measured)
    figure = plotting.new_figure(6.4)
    axes = plotting.grid(figure, 1, max(len(sizes), 1), sharey=True, sharex=True)[0]
    for ax, size in zip(axes, sizes):
        _draw_size(ax, predicted[predicted["size"] == size], series)
        ax.set_title(
            f"held-out size {size}" + (", the largest" if size == sizes[-1] else ""), loc="left", fontweight="bold"
        )
        ax.set_xlabel("predicted over measured pass rate")
    if sizes:
        _draw_paper(axes[len(sizes) - 1], results[results.kind == "published"])
    names = [
        f"{task}  ({pass_plotting.STANDS_FOR[task]})" if task in pass_plotting.STANDS_FOR else task
        for task in ALL_TASKS
    ]
    axes[0].set_yticks(range(len(ALL_TASKS)), names, fontsize=7)
    axes[0].set_ylim(len(ALL_TASKS) - 0.4, -0.7)
    plotting.legend(
        figure,
        "Pass rates of larger models, predicted from smaller ones",
        [
            *(
                Line2D([], [], color=color, marker=marker, markersize=5, linewidth=1.4, label=name)
                for name, color, marker in LEVELS.values()
            ),
            Line2D(
                [], [], color=plotting.PAPER_COLOR, marker="D", markersize=5, linestyle="none", label="paper P, Table 1"
            ),
            Patch(facecolor=plotting.PAPER_COLOR, alpha=0.2, label="within 20 %"),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        "Bars: 95 % intervals, from prediction and measurement together; arrows: beyond the axis. The paper's values"
        " are of its own models, without interval; hollow diamonds: item by item (of Date Understanding only the size"
        " of the deviation is known). Missing: no law, or no pass.",
    )
    return figure


def _draw_size(ax, rows: pd.DataFrame, series: list[str]) -> None:
    for y, task in enumerate(ALL_TASKS):
        for place, (level, (_, color, marker)) in enumerate(LEVELS.items()):
            for row in rows[(rows.task == task) & (rows.metric == level)].itertuples():
                at = y - 0.25 + 0.2 * place + 0.1 * series.index(row.series)
                ratio = 1 + np.array([row.deviation_percent, row.deviation_low, row.deviation_high]) / 100
                if np.isfinite(ratio[0]):
                    _bar(ax, ratio, at, color, marker, row.series == series[0])
    ax.axvspan(1 - CRITERION, 1 + CRITERION, color=plotting.PAPER_COLOR, alpha=0.2, linewidth=0, zorder=0)
    ax.axvline(1.0, color=plotting.FIT_COLOR, linewidth=0.9, zorder=1)
    ax.axhline(len(LAW_TASKS) - 0.5, color="#bbbbbb", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_xlim(1 / MAX_RATIO, MAX_RATIO)
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _bar(ax, ratio: np.ndarray, at: float, color: str, marker: str, is_first: bool) -> None:
    """A ratio with its interval; an arrow where it lies beyond the axis."""
    low, high = np.clip(ratio[1:], 1 / MAX_RATIO, MAX_RATIO)
    ax.plot([low, high], [at, at], color=color, linewidth=1.3, alpha=0.6, zorder=2)
    if 1 / MAX_RATIO < ratio[0] < MAX_RATIO:
        ax.plot(
            ratio[0],
            at,
            marker=marker,
            markersize=4.5,
            color=color,
            markerfacecolor=color if is_first else "white",
            linestyle="none",
            zorder=3,
        )
    else:
        beyond = MAX_RATIO / 1.06 if ratio[0] >= MAX_RATIO else 1.06 / MAX_RATIO
        ax.plot(
            beyond,
            at,
            marker=">" if ratio[0] >= MAX_RATIO else "<",
            markersize=5,
            color=color,
            linestyle="none",
            zorder=3,
        )


def _draw_paper(ax, published: pd.DataFrame) -> None:
    for level, fill in (("dataset", "full"), ("instance", "none")):
        for row in published[published.metric == f"{level}_deviation_percent"].itertuples():
            ax.plot(
                1 + row.value / 100,
                ALL_TASKS.index(row.task) + 0.33,
                marker="D",
                markersize=5,
                color=plotting.PAPER_COLOR,
                fillstyle=fill,
                linestyle="none",
                zorder=4,
            )


def table(results: pd.DataFrame) -> str:
    """The same numbers as a markdown table: measured and predicted rates with intervals, deviations in percent, and the
    paper's rows below ours."""
    predicted, rows = results[results.kind == "prediction"], []
    for task in ALL_TASKS:
        one = predicted[predicted.task == task]
        for (series, size), levels in one.groupby(["series", "size"], sort=False):
            runs = results[
                (results.kind == "checkpoint")
                & (results.task == task)
                & (results.series == series)
                & (results["size"] == size)
            ]
            cells = [task, series, size, _measured(runs)]
            for level in LEVELS:
                row = levels[levels.metric == level].iloc[0]
                known = np.isfinite(row.deviation_percent)
                cells.append(
                    f"{pass_plotting.rate_text(row)} ({row.deviation_percent:+.1f} %)" if known else number(row, 1, 3)
                )
            rows.append(cells)
    return markdown_table(
        ["task", "series", "size", "measured", *(name for name, _, _ in LEVELS.values())],
        [*rows, *_paper_rows(results)],
    )


def _measured(runs: pd.DataFrame) -> str:
    """One run with its interval, several as their mean and range."""
    if len(runs) == 1:
        return pass_plotting.rate_text(runs.iloc[0])
    return f"{runs.value.mean():.3g} ({runs.value.min():.3g} to {runs.value.max():.3g}, {len(runs)} runs)"


def _paper_rows(results: pd.DataFrame) -> list[list[str]]:
    published = results[results.kind == "published"]
    rows = []
    for task in LAW_TASKS:
        values = published[published.task == task].set_index("metric").value
        cells = {
            level: f"{values[level]:.4g}" if level in values else "" for level in ("measured", "dataset", "instance")
        }
        for level in ("dataset", "instance"):
            if f"{level}_deviation_percent" in values:
                cells[level] = f"{cells[level]} ({values[f'{level}_deviation_percent']:+.3g} %)".strip()
        names = [
            pass_plotting.STANDS_FOR[task],
            "paper P",
            "2.4B",
            cells["measured"],
            cells["dataset"],
            "",
            cells["instance"],
        ]
        rows.append([cell or NO_VALUE for cell in names])
    return rows


if __name__ == "__main__":
    plot_main(STEM, draw, table)
