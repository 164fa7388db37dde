"""Axes and titles of panels: falling loss, training compute, percent, and the name of a task."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator, PercentFormatter

from tasks import TASKS
from tasks.graded import GRADED_TASKS

# Twelve panels: English knowledge, reading and common-sense tasks, their Chinese twins below them, then the four
# threshold tasks.
PANELS = (
    ("recall", "endings", "reading", "coreference"),
    ("recall_zh", "endings_zh", "reading_zh", "coreference_zh"),
    ("exam", "maths", "exam_zh", "maths_zh"),
)

LOSS_LABEL = "validation loss (nats per token), falling"
COMPUTE_LABEL = "training compute (FLOPs)"
LOSS_TICKS = (6, 5, 4, 3, 2.5, 2, 1.7, 1.5, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8)


def task_title(ax: Axes, task: str) -> None:
    """Panel title: our task, and in grey what it stands for and how it is asked."""
    about = GRADED_TASKS.get(task) or TASKS[task]
    ax.set_title(task, loc="left", fontweight="bold", pad=14)
    ax.text(
        0,
        1.02,
        f"stands for {about.paper_task} ({about.prompting})",
        transform=ax.transAxes,
        fontsize=7,
        color="#666666",
        va="bottom",
    )


def loss_axis(ax: Axes, loss_nats: Sequence[float]) -> None:
    """A logarithmic loss axis, reversed as in paper L: training goes from left to right."""
    low, high = float(np.min(loss_nats)), float(np.max(loss_nats))
    ax.set_xscale("log")
    ax.set_xlim(high * 1.04, low / 1.04)
    ax.xaxis.set_major_locator(FixedLocator(_readable_ticks(low, high)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def _readable_ticks(low: float, high: float) -> list[float]:
    """Ticks inside the range that stand at least an eighth of the axis apart, so that labels never touch."""
    chosen: list[float] = []
    for tick in LOSS_TICKS:
        if low <= tick <= high and (not chosen or np.log(chosen[-1] / tick) > 0.125 * np.log(high / low)):
            chosen.append(tick)
    return chosen


def compute_axis(ax: Axes) -> None:
    """A logarithmic axis of training compute."""
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())


def percent_axis(ax: Axes) -> None:
    """Scores as percent, the full range, so that panels can be compared; room for a note above 100 %."""
    ax.set_ylim(-0.04, 1.27)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1.0]))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
