"""Held-out sizes, drawn from results/public/ext_public_held_out.csv."""

import numpy as np
import pandas as pd

from experiments.public.drawing import plot_public
from experiments.style import plotting

STEM = "ext_public_held_out"
COLORS = {"law": "#c8405a", "logistic": "#2e86ab", "linear": "#12343b", "log": "#8e5aa8", "no change": "#f2b134"}


def draw(results: pd.DataFrame):
    """Errors of every series by method, one panel per table, medians with their intervals."""
    figure = plotting.new_figure(4.0)
    series = results[results.kind == "prediction"]
    names = sorted(series["size"].unique())
    axes = plotting.grid(figure, 1, len(names), sharey=True)
    for ax, name in zip(axes.flat, names, strict=True):
        one, found = series[series["size"] == name], results[(results.kind == "statistic") & (results["size"] == name)]
        found = found.set_index("metric")
        for place, (method, color) in enumerate(COLORS.items()):
            errors = one[one.series == method].value.to_numpy()
            spread = np.linspace(-0.25, 0.25, len(errors))
            ax.plot(place + spread, errors, ".", color=color, markersize=2.5, alpha=0.5)
            row = found.loc[f"median_error_{method.replace(' ', '_')}"]
            ax.errorbar(
                place,
                row.value,
                yerr=[[row.value - row.low], [row.high - row.value]],
                fmt="D",
                color=color,
                markersize=5,
                mec="white",
            )
        ax.axhline(np.log(1.2), color="#8a8a8a", linestyle=(0, (4, 2)), linewidth=1)
        ax.set_xticks(range(len(COLORS)), list(COLORS), fontsize=7)
        ax.set_title(f"{name}, {int(found.loc['num_series'].value)} series", loc="left", fontweight="bold")
        ax.set_yscale("log")
        ax.set_ylim(1e-3, 10)
    axes[0, 0].set_ylabel("|log(predicted / measured)|")
    plotting.legend(figure, "Largest size left out: what predicts it?", [])
    plotting.footnote(
        figure,
        "Each dot one series of four sizes or more, tasks without chance; diamonds: median and 95 % interval"
        " over series. Dashed: 20 %. Tables: EleutherAI/pythia and ObsScaling (Apache-2.0),"
        " mlfoundations/scaling (MIT).",
    )
    return figure


if __name__ == "__main__":
    plot_public(STEM, draw)
