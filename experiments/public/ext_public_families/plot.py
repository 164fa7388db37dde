"""Letter MMLU against HellaSwag, drawn from results/public/ext_public_families.csv."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from experiments.public.drawing import plot_public
from experiments.style import plotting

STEM = "ext_public_families"
WEB = {"DCLM": ("#ef7d57", "o"), "Gadre": ("#8e5aa8", "s"), "OLMo-2": ("#12343b", "^")}
OTHERS = "ObsScaling"
BELOW, KNOWS = 0.70, 0.30


def draw(results: pd.DataFrame):
    """Web-trained families on the left, base models of 46 families on the right."""
    figure = plotting.new_figure(4.6)
    axes = plotting.grid(figure, 1, 2, sharex=True, sharey=True)
    points = results[results.kind == "checkpoint"]
    for name, (color, marker) in WEB.items():
        one = points[points.series == name]
        axes[0, 0].plot(one.loss_nats, one.value, marker, color=color, markersize=3, alpha=0.6, mew=0)
    _others(axes[0, 1], points[points.series == OTHERS])
    statistics = results[results.metric == "threshold_in_hellaswag"]
    for ax in axes.flat:
        plotting.draw_chance(ax, 0.25)
        ax.axhline(KNOWS, color="#cccccc", linewidth=0.7)
        ax.axvline(BELOW, color="#cccccc", linewidth=0.7)
        ax.set_xlabel("HellaSwag, cloze accuracy")
    axes[0, 0].set_ylabel("MMLU by letter, accuracy")
    axes[0, 0].set_title("trained on web text", loc="left", fontweight="bold")
    axes[0, 1].set_title("base models of 46 families", loc="left", fontweight="bold")
    text = "\n".join(
        f"{row.series}: leaves chance at {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]{_smooth(row.status)}"
        for row in statistics.itertuples()
    )
    plotting.note(axes[0, 0], text)
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=color, markersize=4.5, label=name)
        for name, (color, marker) in WEB.items()
    ]
    plotting.legend(
        figure,
        "Letter MMLU leaves chance at one HellaSwag score in web-trained families, not in all",
        [*handles, plotting.chance_handle()],
    )
    plotting.footnote(
        figure,
        "DCLM and Gadre (MIT), OLMo-2 and ObsScaling (Apache-2.0; other prompts). Grey lines: HellaSwag 0.70,"
        " MMLU 0.30. Named: families with a model above 0.30 that stands below 0.70 in HellaSwag.",
    )
    return figure


def _smooth(status: str) -> str:
    return " (a smooth curve does as well)" if "smooth" in status else ""


def _others(ax: Axes, one: pd.DataFrame) -> None:
    ax.plot(one.loss_nats, one.value, "o", color="#9a9a9a", markersize=3, alpha=0.7, mew=0)
    odd = one[(one.loss_nats < BELOW) & (one.value > KNOWS)]
    ax.plot(odd.loss_nats, odd.value, "o", color="#c8405a", markersize=3.5, mew=0)
    for _, family in odd.groupby("run"):
        best = family.loc[family.value.idxmax()]
        ax.annotate(
            best.run, (best.loss_nats, best.value), fontsize=6.5, xytext=(-4, 3), textcoords="offset points", ha="right"
        )


if __name__ == "__main__":
    plot_public(STEM, draw)
