"""Paper L, Equations 3 to 5, drawn from results.csv."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import plotting
from experiments.style.axes import task_title
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import THRESHOLD

STEM = "loss_eq5_size_threshold"
OBSERVED_COLOR = "#8e5aa8"
PREDICTED_COLOR = "#2e86ab"
SIZE_LABEL = "non-embedding parameters"


def draw(results: pd.DataFrame) -> Figure:
    """The loss law at each token budget (left), and predicted against observed size thresholds of the four tasks
    (right)."""
    style = plotting.Style(results)
    figure = plotting.new_figure(5.2)
    axes = figure.subplot_mosaic([["law", *THRESHOLD[:2]], ["law", *THRESHOLD[2:]]], width_ratios=[1.5, 1, 1])
    _draw_law(axes["law"], results, style)
    thresholds = results[results.kind == "size_threshold"]
    limits = _limits(results)
    for task in THRESHOLD:
        _draw_task(axes[task], thresholds[thresholds.task == task], limits)
        task_title(axes[task], task)
        error = results[(results.task == task) & (results.metric == "size_log2_error")].iloc[0]
        is_known = error.status.startswith("ok")
        words = f"off by {number(error, 1, 1)} doublings" if is_known else error.status.removeprefix("failed: ")
        plotting.note(axes[task], textwrap.fill(words, 44), y=0.985 if is_known else 0.3)
    for task in THRESHOLD[2:]:
        axes[task].set_xlabel("training tokens")
    for task in (THRESHOLD[0], THRESHOLD[2]):
        axes[task].set_ylabel(SIZE_LABEL)
    plotting.legend(
        figure,
        "The model size at which a task leaves chance: predicted by Eq. 5 and observed",
        [
            *plotting.size_handles(style),
            Line2D([], [], color=PREDICTED_COLOR, marker="o", label="predicted, 95 %"),
            Line2D([], [], color=OBSERVED_COLOR, linewidth=5, alpha=0.45, label="observed bracket"),
            Line2D([], [], color=plotting.FIT_COLOR, label="loss law (Eq. 4)"),
        ],
    )
    plotting.footnote(
        figure,
        "A bracket runs from the largest size that is not above chance to the smallest from which on all are; arrows:"
        " beyond the ladder. Dashed: loss thresholds of the four tasks from the long runs.",
    )
    return figure


def _draw_law(ax, results: pd.DataFrame, style: plotting.Style) -> None:
    points, law = results[results.kind == "checkpoint"], results[results.metric == "loss_law"]
    for tokens, curve in law.groupby("tokens_seen"):
        ax.plot(curve.num_parameters, curve.loss_nats, color=plotting.FIT_COLOR, linewidth=0.9, zorder=1)
        ax.text(
            curve.num_parameters.iloc[-1] * 1.08,
            curve.loss_nats.iloc[-1],
            f"{tokens / 1e6:.2g}M",
            fontsize=7,
            va="center",
            color="#333333",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
    for name, (color, marker) in style.items():
        part = points[points["size"] == name]
        ax.plot(
            part.num_parameters,
            part.loss_nats,
            linestyle="none",
            marker=marker,
            color=color,
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.3,
        )
    onsets = results[(results.metric == "onset_loss") & results.status.str.startswith("ok")].sort_values("value")
    for row in onsets.itertuples():
        ax.axhline(row.value, color=plotting.ONSET_COLOR, linewidth=0.9, linestyle=(0, (3, 2)), zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(right=points.num_parameters.max() * 1.9)
    ax.set_xlabel(SIZE_LABEL)
    ax.set_ylabel("final validation loss (nats per token)")
    ax.set_ylim(top=points.loss_nats.max() + 0.22 * np.ptp(points.loss_nats))
    ax.set_title("final losses of the small runs, by token budget", loc="left")


def _draw_task(ax, rows: pd.DataFrame, limits: tuple[float, float]) -> None:
    """Predicted sizes as points with intervals, observed ones as thick brackets, cut at the axis limits with arrows."""
    for row in rows.itertuples():
        low, high = (
            np.clip([row.low, row.high], *limits) if np.isfinite([row.low, row.high]).any() else (np.nan, np.nan)
        )
        if row.metric == "observed_size":
            ax.plot(
                [row.tokens_seen] * 2, [low, high], color=OBSERVED_COLOR, linewidth=6, alpha=0.45, solid_capstyle="butt"
            )
            _arrows(ax, row, limits, OBSERVED_COLOR, 1.0)
        elif np.isfinite(row.value):
            ax.plot([row.tokens_seen] * 2, [low, high], color=PREDICTED_COLOR, linewidth=1.4)
            if limits[0] < row.value < limits[1]:
                ax.plot(
                    row.tokens_seen,
                    row.value,
                    marker="o",
                    color=PREDICTED_COLOR,
                    markersize=5,
                    linestyle="none",
                    zorder=3,
                )
            _arrows(ax, row, limits, PREDICTED_COLOR, 1.12)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(limits[0] / 1.3, limits[1] * 3.2)
    if len(rows):
        ax.set_xlim(rows.tokens_seen.min() / 1.5, rows.tokens_seen.max() * 1.5)


def _arrows(ax, row, limits: tuple[float, float], color: str, shift: float) -> None:
    if row.high > limits[1]:
        ax.plot(row.tokens_seen * shift, limits[1], marker="^", color=color, markersize=5, linestyle="none")
    if row.low < limits[0]:
        ax.plot(row.tokens_seen * shift, limits[0], marker="v", color=color, markersize=5, linestyle="none")


def _limits(results: pd.DataFrame) -> tuple[float, float]:
    """Sizes shown: the ladder and a factor of four on both sides."""
    sizes = results[results.kind == "size"].value
    return float(sizes.min()) / 4, float(sizes.max()) * 4


if __name__ == "__main__":
    plot_main(STEM, draw)
