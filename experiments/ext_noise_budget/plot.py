"""What the interval of a score is made of, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import plotting
from experiments.style.stage import plot_main

STEM = "ext_noise_budget"
# Source -> (what the legend says, colour, marker); the order is that of the legend.
SOURCES = {
    "items": ("other items", "#2e86ab", "o"),
    "answers": ("another draw of the answers", "#8e5aa8", "D"),
    "checkpoints": ("the checkpoint before or after", "#ef7d57", "s"),
    "seeds": ("another seed", "#c8405a", "^"),
    "mixtures": ("another mixture", "#12343b", "P"),
}
SHIFT = 0.13  # between the sources of one task, in rows


def draw(results: pd.DataFrame) -> Figure:
    """One row per task, one mark per source, in points of score."""
    found = results[(results.kind == "statistic") & results.metric.str.endswith("_sd")]
    tasks = list(dict.fromkeys(found.task))
    shown = [source for source in SOURCES if f"{source}_sd" in set(found.metric)]
    figure = plotting.new_figure(0.36 * len(tasks) + 2.0, 8.4)
    ax = plotting.grid(figure, 1, 1)[0, 0]
    for place, source in enumerate(shown):
        _, color, marker = SOURCES[source]
        rows = found[found.metric == f"{source}_sd"].dropna(subset=["value"])
        height = [tasks.index(task) + SHIFT * (place - (len(shown) - 1) / 2) for task in rows.task]
        bounded = rows.low.notna()
        ax.hlines(
            [y for y, has in zip(height, bounded) if has],
            100 * rows.low[bounded],
            100 * rows.high[bounded],
            color=color,
            linewidth=1.0,
            alpha=0.5,
        )
        ax.plot(100 * rows.value, height, marker, color=color, markersize=5, linestyle="none")
    ax.set_yticks(range(len(tasks)), tasks)
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.grid(axis="y", visible=False)
    for edge in range(1, len(tasks)):
        ax.axhline(edge - 0.5, color="#eeeeee", linewidth=0.6, zorder=0)
    ax.set_xlabel("standard deviation of a score (points of 100)")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="none", markersize=5, label=f"with {words}")
        for words, color, marker in (SOURCES[source] for source in shown)
    ]
    plotting.legend(figure, title(results), handles)
    plotting.footnote(
        figure,
        "Checkpoints of the long runs in the lower half of their loss range; seeds are compared on the same items,"
        " lines are 95 % intervals. A score's interval over items alone is too narrow wherever another mark lies to the"
        " right.",
    )
    return figure


def title(results: pd.DataFrame) -> str:
    """The finding, with its numbers."""
    row = results[results.metric == "tasks_seeds_over_items"].iloc[0]
    if pd.isna(row.value):
        return "How far a score moves, by what is changed"
    return f"Another seed moves the score more than other items do in {row.value:.0f} of {row.num_items:.0f} tasks"


if __name__ == "__main__":
    plot_main(STEM, draw)
