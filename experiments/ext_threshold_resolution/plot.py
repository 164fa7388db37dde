"""The threshold tasks of paper L with the resolution of paper P, drawn from results.csv."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from experiments.style import plotting
from experiments.style.axes import loss_axis, task_title
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import THRESHOLD, asked

STEM = "ext_threshold_resolution"
SMOOTH_COLOR, TOLERANCE_COLOR = "#c8405a", "#2e86ab"
TOLERANCE_SHARE = 0.05  # of the loss range: the forecast may err by this much (paper/claims.yaml, onset_forecast)
SMALLEST_SHOWN, SHOWN_ERROR = 1e-9, 0.3
DISTANCE_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5)


def draw(results: pd.DataFrame) -> Figure:
    """Above: pass probability on a logarithmic axis against loss, with the accuracy threshold. Below: where the
    crossing was forecast, from each cut."""
    style, points = plotting.Style(results), results[results.kind == "checkpoint"]
    figure = plotting.new_figure(6.6)
    above, below = plotting.grid(figure, 2, len(THRESHOLD))
    for upper, lower, task in zip(above, below, THRESHOLD):
        one = results[results.task == task]
        draw_probability(upper, one, style)
        loss_axis(upper, points.loss_nats)
        task_title(upper, task)
        draw_forecasts(lower, one[one.kind == "forecast"], style)
        statistics = one[one.kind == "statistic"].set_index("metric")
        plotting.note(
            upper,
            f"decades per nat above:\n{number(statistics.loc['slope_above'])}\n"
            f"hinge by {number(statistics.loc['log_hinge_advantage'], 1, 1)} (AICc)",
            y=0.17,
            x=0.02,
        )
        plotting.note(lower, f"lead {number(statistics.loc['forecast_lead_share'], 100, 0)} % of the range")
        lower.set_xlabel("distance above the crossing")
    seen = points.value[points.value > 0]
    low = max(float(seen.min()), SMALLEST_SHOWN) if len(seen) else 0.01
    for ax in above:
        ax.set_yscale("log")
        ax.set_ylim(low / 8, 1.6)
        ax.set_xlabel("validation loss (nats), falling")
    above[0].set_ylabel("pass probability, mean over the items")
    below[0].set_ylabel("error of the forecast")
    plotting.legend(
        figure,
        "The thresholds of paper L at unlimited resolution, and the onset forecast from above",
        [
            *plotting.size_handles(style, points["size"]),
            plotting.chance_handle(),
            Line2D([], [], color=plotting.FIT_COLOR, label="flat, then rising"),
            Line2D([], [], color=SMOOTH_COLOR, linestyle=(0, (4, 2)), label="smooth"),
            Patch(facecolor=plotting.ONSET_COLOR, alpha=0.35, label="accuracy threshold"),
            Patch(facecolor=TOLERANCE_COLOR, alpha=0.25, label="forecast within 5 % of the loss range"),
        ],
    )
    plotting.footnote(
        figure,
        "Exam: exact probability of the right letter; maths: sampled at temperature 1. Crossing: a tenth of the way"
        " from chance to 1. Each forecast uses the other runs' checkpoints down to that distance above the crossing of"
        " the run left out; bars are 95 %. Hollow at the edge: further off, or no crossing in sight. Lead: from there"
        " on all are right. Lower panels in shares of the loss range.",
    )
    return figure


def draw_probability(ax: Axes, one: pd.DataFrame, style: plotting.Style) -> None:
    """Measured probabilities, chance, accuracy threshold and the two best curves."""
    points = one[one.kind == "checkpoint"]
    plotting.draw_chance(ax, asked(points)[points.task.iloc[0]].chance)
    passed = points[points.value > 0]
    plotting.draw_points(ax, passed, style, joined=True, size=3.6)
    for name, (color, _) in style.items():
        nothing = points[(points["size"] == name) & (points.value == 0) & (points.high > 0)]
        ax.plot(
            nothing.loss_nats,
            nothing.high,
            linestyle="none",
            marker="v",
            markersize=4,
            color=color,
            markerfacecolor="white",
        )
    plotting.draw_onset(ax, one[one.metric == "accuracy_threshold"])
    plotting.draw_fit(ax, one[one.metric == "hinge"])
    plotting.draw_fit(ax, one[one.metric == "smooth"], color=SMOOTH_COLOR, linestyle=(0, (4, 2)))


def draw_forecasts(ax: Axes, rows: pd.DataFrame, style: plotting.Style) -> None:
    """Error of the forecast for each run left out, against how far above its crossing the used checkpoints end; no
    panel where none crossed."""
    if rows.empty:
        ax.set_axis_off()
        return
    ax.axhspan(-TOLERANCE_SHARE, TOLERANCE_SHARE, color=TOLERANCE_COLOR, alpha=0.2, linewidth=0, zorder=0)
    ax.axhline(0, color=plotting.CHANCE_COLOR, linewidth=0.9, zorder=1)
    for name, (color, marker) in style.items():
        part = rows[rows["size"] == name]
        distance, error = (
            (part.loss_nats - part.observed) / part.loss_range,
            (part.value - part.observed) / part.loss_range,
        )
        low, high = (
            ((part[end] - part.observed) / part.loss_range).clip(-SHOWN_ERROR, SHOWN_ERROR) for end in ("low", "high")
        )
        ax.vlines(distance, low, high, color=color, linewidth=0.8, alpha=0.4)
        inside = error.abs() <= SHOWN_ERROR
        ax.plot(distance[inside], error[inside], linestyle="none", marker=marker, markersize=4.2, color=color)
        # No crossing in sight is a forecast of one far below; one far above cannot be, since the cut lies above it.
        edge = np.where(error[~inside] > SHOWN_ERROR, SHOWN_ERROR, -SHOWN_ERROR)
        ax.plot(
            distance[~inside],
            edge,
            linestyle="none",
            marker=marker,
            markersize=4.2,
            color=color,
            markerfacecolor="white",
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(DISTANCE_TICKS))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(1.2 * float(((rows.loss_nats - rows.observed) / rows.loss_range).max()), 0.015)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_ylim(-1.12 * SHOWN_ERROR, 1.6 * SHOWN_ERROR)


if __name__ == "__main__":
    plot_main(STEM, draw)
