"""What the figures of the passuntil_* folders share: axes for tiny pass rates and for model sizes, measured rates with
their censoring, predictions, titles.

One colour and marker per size as everywhere (plotting.Style); the second series of a profile is drawn hollow; held-out
sizes stand on a grey ground.
"""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from experiments.style import plotting
from experiments.style.markdown import NO_VALUE
from experiments.tables.names import LAW_TASKS, MATHS_TASKS, UICL_TASKS
from tasks import PASS_TASKS

STANDS_FOR = {task: PASS_TASKS[task].paper_task for task in (*LAW_TASKS, *MATHS_TASKS)}
SHORT_NAMES = {
    "uicl_identity": "identity",
    "uicl_reverse_natural_content": "reverse\nnatural content",
    "uicl_reverse_to_natural_content": "reverse to\nnatural content",
    "uicl_dates": "dates",
    "uicl_dates_unnatural_form": "dates,\nunnatural form",
    "uicl_dates_unnatural_content": "dates,\nunnatural content",
    "uicl_dates_unnatural_content_and_form": "dates, unnatural\ncontent and form",
    "uicl_unnatural_addition_2_digit": "unnatural\naddition",
}
SIZE_LABEL = "non-embedding parameters"
RATE_LABEL = "pass rate"
F_TICKS = (1e-12, 1e-8, 1e-5, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
SMALLEST_SHOWN, LARGEST_SHOWN = 1e-15, 1 - 1e-6
HELD_OUT_COLOR = "#eef1f4"
PREDICTED_COLOR = "#2e86ab"
EXACT_COLOR = "#111111"
LINES = ("-", (0, (4, 2)))  # of the first and the second series


def short_title(ax: Axes, task: str) -> None:
    """Panel title: the task's name, and in grey what it stands for."""
    if task in UICL_TASKS:
        ax.set_title("uicl: " + SHORT_NAMES[task], loc="left", fontweight="bold", fontsize=7.6)
        return
    ax.set_title(task, loc="left", fontweight="bold", pad=14)
    ax.text(0, 1.02, f"stands for {STANDS_FOR[task]}", transform=ax.transAxes, fontsize=7, color="#666666", va="bottom")


def axis_name(task: str) -> str:
    """A task's name as a tick label of an axis that lists all tasks: one short line, two where it must be."""
    return textwrap.fill(task.replace("uicl_", "").replace("_", " "), 34)


def draw_chance_rate(ax: Axes, task: str) -> None:
    """Pass rate of a guesser who knows the form of the answer, where the axis reaches down to it."""
    if PASS_TASKS[task].chance >= ax.get_ylim()[0]:
        plotting.draw_chance(ax, PASS_TASKS[task].chance)


def size_axis(ax: Axes, num_parameters: pd.Series) -> None:
    """Logarithmic axis of model size over the sizes that occur."""
    ax.set_xscale("log")
    ax.set_xlim(float(num_parameters.min()) / 1.6, float(num_parameters.max()) * 1.6)
    ax.xaxis.set_major_locator(FixedLocator([1e4, 1e5, 1e6, 1e7, 1e8, 1e9]))
    ax.xaxis.set_minor_locator(NullLocator())


def log_rate_axis(ax: Axes, low: float, high: float = 1.0) -> None:
    """Logarithmic axis of pass rates from `low` (at least one decade), decades as ticks."""
    ax.set_yscale("log")
    ax.set_ylim(min(low, high / 10), high * 1.6)
    ax.yaxis.set_major_locator(LogLocator(10, numticks=8))
    ax.yaxis.set_minor_locator(NullLocator())


def f_axis(ax: Axes, low: float, high: float) -> None:
    """Axis of pass rates that is linear in F = log(-log rate), on which the task law is a straight line; ticks are pass
    rates."""
    ax.set_yscale("function", functions=(_minus_f, _rate_of_minus_f))
    ax.set_ylim(max(low, SMALLEST_SHOWN), min(high, LARGEST_SHOWN))
    shown = [tick for tick in F_TICKS if low <= tick <= high]
    ax.yaxis.set_major_locator(FixedLocator(shown))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if value >= 1e-3 else f"$10^{{{np.log10(value):.0f}}}$")
    )
    ax.yaxis.set_minor_formatter(NullFormatter())


def f_limits(points: pd.DataFrame) -> tuple[float, float]:
    """Range of an f_axis that panels share: the measured pass rates (upper ends where nothing passed) with room below,
    and above for a note."""
    seen = np.r_[points.value[points.value > 0], points.high[(points.value == 0) & (points.high > 0)], 0.1]
    f = np.log(-np.log(np.clip([seen.min(), seen.max()], 1e-12, 0.995)))
    return float(np.exp(-np.exp(f[0] + 0.2))), float(np.exp(-np.exp(f[1] - 0.9)))


def _minus_f(rate):
    return -np.log(-np.log(np.clip(rate, SMALLEST_SHOWN, LARGEST_SHOWN)))


def _rate_of_minus_f(minus_f):
    return np.exp(-np.exp(-np.asarray(minus_f, float)))


def hold_out_ground(ax: Axes, points: pd.DataFrame) -> None:
    """Grey ground behind the held-out sizes."""
    held = points.is_held_out.astype(bool)
    if held.any() and not held.all():
        border = float(np.sqrt(points.num_parameters[~held].max() * points.num_parameters[held].min()))
        ax.axvspan(border, ax.get_xlim()[1], color=HELD_OUT_COLOR, zorder=0, linewidth=0)


def draw_rates(
    ax: Axes,
    points: pd.DataFrame,
    style: plotting.Style,
    series: list[str],
    size: float = 5.0,
    x: str = "num_parameters",
) -> None:
    """Measured rates with their intervals; a run without a pass is an arrow down from the upper end of its interval."""
    for name, (color, marker) in style.items():
        for row in points[points["size"] == name].itertuples():
            place, face = getattr(row, x), color if row.series == series[0] else "white"
            if row.value > 0:
                ax.plot(
                    [place, place],
                    [max(row.low, SMALLEST_SHOWN), min(row.high, LARGEST_SHOWN)],
                    color=color,
                    linewidth=1.1,
                    alpha=0.55,
                    zorder=3,
                )
                ax.plot(
                    place,
                    min(row.value, LARGEST_SHOWN),
                    linestyle="none",
                    marker=marker,
                    markersize=size,
                    color=color,
                    markerfacecolor=face,
                    markeredgecolor="white" if face == color else color,
                    markeredgewidth=0.3 if face == color else 0.9,
                    zorder=4,
                )
            elif row.high > 0:
                ax.annotate(
                    "",
                    (place, row.high / 4),
                    (place, row.high),
                    arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.0},
                    zorder=3,
                )
                ax.plot(place, row.high, linestyle="none", marker="_", markersize=size, color=color, zorder=3)


def draw_law(ax: Axes, fit: pd.DataFrame, series: list[str], **line) -> None:
    """Fitted or predicted curves with their bands, one per series."""
    for name, part in fit.groupby("series"):
        curve = part.sort_values("num_parameters")
        look = {
            "color": plotting.FIT_COLOR,
            "linewidth": 1.1,
            "linestyle": LINES[series.index(name) % 2],
            "zorder": 2,
        } | line
        ax.plot(curve.num_parameters, curve.value, **look)
        if curve.low.notna().any():
            ax.fill_between(
                curve.num_parameters,
                curve.low.clip(lower=SMALLEST_SHOWN),
                curve.high,
                color=look["color"],
                alpha=0.12,
                linewidth=0,
                zorder=1,
            )


def draw_exact(ax: Axes, exact: pd.DataFrame) -> None:
    """Exact pass rates as short black strokes."""
    shown = exact[exact.value > 0]
    ax.plot(
        shown.num_parameters,
        shown.value,
        linestyle="none",
        marker="_",
        markersize=10,
        markeredgewidth=1.0,
        color=EXACT_COLOR,
        zorder=5,
    )


def draw_by_task(
    ax: Axes,
    rows: pd.DataFrame,
    tasks: tuple[str, ...],
    series: list[str],
    limits: tuple[float, float],
    failed_word: str,
) -> None:
    """One row per task: value and interval of every series (the second hollow), or once why there is none."""
    for y, task in enumerate(tasks):
        one = rows[rows.task == task].set_index("series").loc[series]
        for place, row in enumerate(one.itertuples()):
            at = y + 0.24 * (place - 0.5 * (len(series) - 1))
            if row.status.startswith("ok"):
                ax.plot(
                    np.clip([row.low, row.high], *limits), [at, at], color=plotting.FIT_COLOR, linewidth=1.3, alpha=0.5
                )
                ax.plot(
                    row.value,
                    at,
                    marker="o",
                    markersize=4.5,
                    color=plotting.FIT_COLOR,
                    linestyle="none",
                    markerfacecolor="white" if place else plotting.FIT_COLOR,
                )
        lost = one[~one.status.str.startswith("ok")]
        if len(lost):
            of = f" ({', '.join(lost.index)})" if len(lost) < len(series) else ""
            reason = lost.status.iloc[0].replace("failed", failed_word)
            right = one.high.max() if of else 0.0
            ax.text(right + 0.02 * limits[1], y, reason + of, fontsize=6, va="center", color="#666666")
    ax.set_yticks(range(len(tasks)), [axis_name(task) for task in tasks], fontsize=5.8)
    ax.set_ylim(len(tasks) - 0.4, -0.6)


def exact_handle() -> Line2D:
    """Legend entry of the exact rates."""
    return Line2D([], [], linestyle="none", marker="_", markersize=10, color=EXACT_COLOR, label="exact")


def held_out_handle() -> Patch:
    """Legend entry of the ground behind held-out sizes."""
    return Patch(facecolor=HELD_OUT_COLOR, edgecolor="#c5cbd1", linewidth=0.6, label="held out")


def series_handles(series: list[str]) -> list[Line2D]:
    """Legend entries of two series; none where there is only one."""
    if len(series) < 2:
        return []
    return [
        Line2D(
            [],
            [],
            color=plotting.FIT_COLOR,
            marker="o",
            markersize=5,
            markerfacecolor=face,
            linestyle=line,
            label=f"series {name}",
        )
        for name, face, line in zip(series, (plotting.FIT_COLOR, "white"), LINES)
    ]


def censored_note(points: pd.DataFrame) -> str:
    """How many items of how many stopped at the cap, over all runs drawn; empty where none did."""
    num_censored, num_items = int(points.num_censored.sum()), int(points.num_items.sum())
    return f"{num_censored}/{num_items} censored" if num_censored else ""


def rate_text(row: pd.Series | object) -> str:
    """A rate with its interval in three digits, for tables."""
    if not np.isfinite(row.value):
        return NO_VALUE
    return f"{row.value:.3g} [{row.low:.3g}, {row.high:.3g}]" if np.isfinite(row.low) else f"{row.value:.3g}"
