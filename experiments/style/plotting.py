"""How every figure looks: one colour and marker per model size, the loss axis that falls to the right, chance lines,
light item intervals, stable bytes.

seaborn gives theme, palette, panels per task, points and lines of runs; Matplotlib the intervals, bands and laws.
Nothing here fits or averages: what is drawn stands in a table of results (experiments/tables/results.py explains it).
"""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.style.axes import PANELS, percent_axis, task_title
from experiments.style.markdown import number
from experiments.tables.names import asked
from files.atomic import atomic_write

DPI = 150
WIDTH_INCHES = 10.5  # README pages show a picture about 900 pixels wide: 8-point text then stays readable
RC = {
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "grid.color": "#e6e6e6",
    "svg.hashsalt": "fixed",
}
FONTS = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8,
    "legend.title_fontsize": 10.5,
    "axes.linewidth": 0.7,
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
}
MARKERS = "osD^vPX*"
# From warm and light (small) to cold and dark (large): the order can be seen, and neighbours differ in hue as well as
# in marker.
SIZE_PALETTE = "blend:#f2b134,#ef7d57,#c8405a,#8e5aa8,#2e86ab,#12343b"
CHANCE_COLOR = "#8a8a8a"
PAPER_COLOR = "#9a9a9a"
FIT_COLOR = "#333333"
ONSET_COLOR = "#e4572e"
METRIC_NAMES = {
    "accuracy": "accuracy",
    "exact_match": "exact match",
    "correct_choice_prob": "probability of the right choice",
    "brier_score": "Brier score (lower is better)",
}


class Style(dict):
    """Colour and marker of each size, the same in every figure: size name -> (colour, marker), smallest size first."""

    def __init__(self, results: pd.DataFrame):
        sizes = results[results.kind == "size"].sort_values("value")["size"]
        colors = sns.color_palette(SIZE_PALETTE, max(len(sizes), 2))
        super().__init__({size: (colors[i], MARKERS[i % len(MARKERS)]) for i, size in enumerate(sizes)})

    @property
    def colors(self) -> dict[str, tuple]:
        """Size -> colour, as seaborn takes a palette."""
        return {size: color for size, (color, _) in self.items()}

    @property
    def markers(self) -> dict[str, str]:
        """Size -> marker, as seaborn takes markers."""
        return {size: marker for size, (_, marker) in self.items()}


def house_style():
    """Context in which a figure is drawn and saved: seaborn's theme with our fonts, grid and lines."""
    return rc_context(
        sns.axes_style("whitegrid", RC) | sns.plotting_context("paper", rc=FONTS) | {"xtick.bottom": True}
    )


def new_figure(height_inches: float, width_inches: float = WIDTH_INCHES) -> Figure:
    """An empty figure of fixed size with constrained layout on the Agg canvas; no global state."""
    figure = Figure(figsize=(width_inches, height_inches), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(figure: Figure, num_rows: int, num_columns: int, **keywords) -> np.ndarray:
    """Axes [num_rows, num_columns]."""
    return figure.subplots(num_rows, num_columns, squeeze=False, **keywords)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG whose bytes depend on the picture alone: no date, no software name."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)  # whatever backend the machine has
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    atomic_write(path, buffer.getvalue())
    plt.close(figure)


def task_panels(points: pd.DataFrame, height_inches: float = 8.2) -> sns.FacetGrid:
    """One panel per task on shared axes, titled, with its chance line, in the order of PANELS; `axes_dict` has them by
    task."""
    order = [task for row in PANELS for task in row]
    shown = points[points.task.isin(order)]
    panels = sns.FacetGrid(shown, col="task", col_order=order, col_wrap=len(PANELS[0]), despine=False)
    panels.figure.set_size_inches(WIDTH_INCHES, height_inches)
    panels.figure.set_dpi(DPI)
    panels.figure.set_layout_engine("constrained")
    panels.set_titles("")
    for task, ax in panels.axes_dict.items():
        draw_chance(ax, asked(points)[task].chance)
        task_title(ax, task)
    panels.set_axis_labels("", "score")
    percent_axis(panels.axes_dict[order[0]])
    return panels


def draw_points(
    ax: Axes,
    rows: pd.DataFrame,
    style: Style,
    x: str = "loss_nats",
    joined: bool = False,
    hollow: bool = False,
    size: float = 4.2,
    alpha: float = 0.9,
) -> None:
    """Measured points with light item intervals. One colour and marker per size; `joined` draws a thin line along each
    run. size: of the markers in points."""
    if rows.empty:
        return
    labels = {"xlabel": ax.get_xlabel(), "ylabel": ax.get_ylabel()}
    mapped = {"data": rows, "x": x, "y": "value", "hue": "size", "palette": style.colors, "ax": ax, "legend": False}
    errors = np.vstack([rows.value - rows.low, rows.high - rows.value]).clip(min=0)
    colors = [style[name][0] for name in rows["size"]]
    ax.errorbar(
        rows[x], rows.value, yerr=errors, fmt="none", ecolor=colors, elinewidth=0.7, alpha=0.3 * alpha, zorder=2
    )
    if joined:
        sns.lineplot(**mapped, units="run", estimator=None, sort=True, linewidth=0.7, alpha=0.45, zorder=1)
    sns.scatterplot(
        **mapped,
        style="size",
        markers=style.markers,
        s=size**2,
        alpha=alpha,
        linewidth=0.3,
        edgecolor="white",
        zorder=3,
    )
    ax.set(**labels)  # seaborn writes names of columns
    if hollow:
        drawn = ax.collections[-1]
        drawn.set_edgecolor(drawn.get_facecolor())
        drawn.set_facecolor("white")
        drawn.set_linewidth(0.9)


def draw_chance(ax: Axes, chance: float) -> None:
    """What a guesser scores."""
    ax.axhline(chance, color=CHANCE_COLOR, linestyle=(0, (4, 2)), linewidth=1.0, zorder=1)


def draw_onset(ax: Axes, onset: pd.DataFrame) -> None:
    """The fitted threshold: a line at its value and a band over its interval. Nothing where no threshold was found."""
    for row in onset[onset.value.notna() & onset.status.str.startswith("ok")].itertuples():
        ax.axvline(row.value, color=ONSET_COLOR, linewidth=1.1, zorder=1)
        if np.isfinite(row.low) and np.isfinite(row.high):
            ax.axvspan(row.low, row.high, color=ONSET_COLOR, alpha=0.15, linewidth=0, zorder=0)


def draw_fit(ax: Axes, fit: pd.DataFrame, **line) -> None:
    """A fitted curve out of the table's `fit` rows."""
    if len(fit):
        ordered = fit.sort_values("loss_nats")
        ax.plot(ordered.loss_nats, ordered.value, **({"color": FIT_COLOR, "linewidth": 1.1, "zorder": 4} | line))


def note(ax: Axes, text: str, y: float = 0.985, x: float = 0.03) -> None:
    """A small note inside a panel, at the upper left or at (x, y); what is measured is drawn over it."""
    look = {"transform": ax.transAxes, "fontsize": 7.2, "va": "top", "ha": "left", "color": "#333333", "zorder": 1.5}
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.2}
    ax.text(x, y, text, bbox=box, **look)


def free_note(ax: Axes, text: str) -> None:
    """A small note in the corner of a panel where the least is drawn."""
    nothing = Line2D([], [], linestyle="none")
    box = ax.legend(
        [nothing],
        [text],
        loc="best",
        fontsize=7.2,
        labelcolor="#333333",
        handlelength=0,
        handletextpad=0,
        borderpad=0.2,
        borderaxespad=0.3,
        framealpha=0.8,
        edgecolor="none",
    )
    box.set_zorder(1.5)


def footnote(figure: Figure, text: str) -> None:
    """A grey line below the figure: what must be known to read it."""
    width = int(figure.get_figwidth() * 16.5)
    text = text.replace(" %", "\u00a0%")  # no line begins with a unit
    figure.supxlabel("\n".join(textwrap.wrap(text, width)), fontsize=7.5, color="#555555", x=0.01, ha="left")


def size_handles(style: Style, sizes: Sequence[str] | None = None, hollow: bool = False) -> list[Line2D]:
    """Legend entries of the sizes that occur, smallest first."""
    return [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            color=color,
            markerfacecolor="white" if hollow else color,
            markersize=5.5,
            label=size,
        )
        for size, (color, marker) in style.items()
        if sizes is None or size in set(sizes)
    ]


def chance_handle() -> Line2D:
    """Legend entry of the chance line."""
    return Line2D([], [], color=CHANCE_COLOR, linestyle=(0, (4, 2)), linewidth=1.0, label="chance")


def onset_handles(label: str = "its threshold, 95 % interval") -> list:
    """Legend entries of the hinge and its threshold band."""
    return [
        Line2D([], [], color=FIT_COLOR, linewidth=1.1, label="fitted hinge (Eq. 3)"),
        Patch(facecolor=ONSET_COLOR, alpha=0.35, label=label),
    ]


def legend(figure: Figure, heading: str, handles: list) -> None:
    """The figure's heading with one legend under it, above all panels; in more rows where one is wider than the
    figure."""
    for num_rows in range(1, max(len(handles), 1) + 1):
        drawn = figure.legend(
            handles=handles,
            loc="outside upper left",
            ncols=max(-(-len(handles) // num_rows), 1),
            frameon=False,
            handletextpad=0.4,
            columnspacing=1.3,
            title=heading,
            title_fontproperties={"weight": "bold", "size": 10.5},
            alignment="left",
            borderaxespad=0.2,
        )
        if drawn.get_window_extent().width <= figure.bbox.width:
            return
        drawn.remove()
    raise ValueError(
        f"legend of {heading!r}: wider than the figure in any number of rows; shorten its heading or its labels"
    )


def threshold_note(one: pd.DataFrame, suffix: str = "") -> str:
    """The fitted threshold in words, and whether a smooth curve would do better; `suffix` picks the statistics of one
    of several metrics."""
    statistics = one[one.kind == "statistic"].set_index("metric")
    text = f"threshold {number(statistics.loc['onset_loss' + suffix])}"
    advantage = statistics.loc["hinge_advantage" + suffix]
    return (
        text + "\n(a smooth curve fits better)" if advantage.status.startswith("ok") and advantage.value < 0 else text
    )
