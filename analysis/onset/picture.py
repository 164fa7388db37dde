"""The picture of an onset report: scores against falling loss, run by run, with chance, the fitted threshold and its
interval."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.onset.report import OnsetReport
from analysis.onset.table import Checkpoints

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX*"
MAX_NAMED = 12


def draw_report(
    table: Checkpoints,
    report: OnsetReport,
    path: Path,
    labels: tuple[str, str] = ("loss (nats per token), falling", "score"),
) -> None:
    """Write a PNG; the same table gives the same bytes. Colours distinguish groups where there are some, else runs."""
    figure = Figure(figsize=(7.5, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    rows, chance = table.rows, table.chance
    key = "group" if "group" in rows else "run"
    names = list(dict.fromkeys(rows[key]))
    for place, name in enumerate(names):
        part = rows[rows[key] == name]
        ax.plot(
            part["loss_nats"],
            part["value"],
            linestyle="none",
            marker=MARKERS[place % len(MARKERS)],
            markersize=3.5,
            alpha=0.6,
            color=COLORS[place % len(COLORS)],
            markeredgewidth=0,
            label=name if len(names) <= MAX_NAMED else None,
        )
    _draw_chance(ax, chance)
    if report.verdict == "threshold":
        ax.axvspan(report.eta.low, report.eta.high, color="#333333", alpha=0.12, linewidth=0)
        grid = np.linspace(rows["loss_nats"].min(), rows["loss_nats"].max(), 400)
        ax.plot(
            grid,
            report.hinge.predict(grid, chance),
            color="#333333",
            linewidth=1.4,
            label=f"threshold {report.eta.estimate:.3f}",
        )
    ax.set_xlim(
        rows["loss_nats"].max() + 0.02 * np.ptp(rows["loss_nats"]),
        rows["loss_nats"].min() - 0.02 * np.ptp(rows["loss_nats"]),
    )
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.set_title(f"{report.verdict}: {report.reason}", loc="left", fontsize=9, wrap=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e6e6e6", linewidth=0.6)
    if len(names) <= MAX_NAMED or report.verdict == "threshold":
        ax.legend(fontsize=7.5, frameon=False, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    figure.savefig(partial, format="png", dpi=150, metadata={"Software": None})
    partial.replace(path)


def _draw_chance(ax: Axes, chance: float) -> None:
    ax.axhline(chance, color="#8a8a8a", linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        "chance",
        (1, chance),
        xycoords=("axes fraction", "data"),
        xytext=(-3, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color="#666666",
    )
