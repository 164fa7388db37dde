"""Score against compute by difficulty, drawn from results/public/ext_public_difficulty.csv."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from experiments.public.drawing import plot_public
from experiments.style import plotting

STEM = "ext_public_difficulty"
SIDES = {"below": ("#c8405a", "o"), "above": ("#2e86ab", "s")}


def draw(results: pd.DataFrame):
    """One panel per task: rank correlation of score and compute for each group of difficulty, both sides."""
    found = results[(results.kind == "statistic") & results.metric.str.startswith("score_with_compute")]
    tasks = list(found.task.unique())
    figure = plotting.new_figure(5.6)
    axes = plotting.grid(figure, 2, -(-len(tasks) // 2), sharex=True, sharey=True)
    for ax, task in zip(axes.flat, tasks, strict=False):
        for shift, (side, (color, marker)) in zip((-0.12, 0.12), SIDES.items(), strict=True):
            one = found[(found.task == task) & (found.metric == f"score_with_compute_{side}")]
            one = one[one.status.str.startswith("ok")]
            place = one["size"].astype(int) + shift
            error = np.vstack([one.value - one.low, one.high - one.value]).clip(min=0)
            ax.errorbar(
                place, one.value, yerr=error, fmt=marker, color=color, markersize=3.5, elinewidth=0.8, alpha=0.9
            )
        ax.axhline(0, color="#8a8a8a", linewidth=0.8)
        ax.set_title(task.replace("_", " "), loc="left", fontweight="bold", fontsize=8)
        ax.set_xticks(range(1, 11))
        ax.set_ylim(-1.05, 1.05)
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("group: 1 easiest, 10 hardest")
    for ax in axes[:, 0]:
        ax.set_ylabel("rank correlation with compute")
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            color=color,
            markersize=4.5,
            label=f"models {side} the threshold compute",
        )
        for side, (color, marker) in SIDES.items()
    ]
    plotting.legend(figure, "Do hard questions get worse before they get better?", handles)
    plotting.footnote(
        figure,
        "Minus Brier score against log compute, 63 to 65 models of 22 families (tony10101105/ExpEmergence,"
        " MIT); 95 % interval over families. Below 0: larger models score worse on this group.",
    )
    return figure


if __name__ == "__main__":
    plot_public(STEM, draw)
