"""Paper L, Figure 8, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.style import plotting
from experiments.style.axes import LOSS_LABEL, loss_axis, percent_axis, task_title
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import BIGBENCH, asked

STEM = "loss_fig8_bigbench"


def draw(results: pd.DataFrame) -> Figure:
    """Three panels of exact match against loss along the long runs, with the fitted threshold."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    figure = plotting.new_figure(3.7)
    axes = plotting.grid(figure, 1, 3, sharex=True, sharey=True)[0]
    for ax, task in zip(axes, BIGBENCH):
        one = results[results.task == task]
        plotting.draw_chance(ax, asked(results)[task].chance)
        plotting.draw_points(ax, points[points.task == task], style, joined=True)
        plotting.draw_fit(ax, one[one.kind == "fit"])
        plotting.draw_onset(ax, one[one.metric == "onset_loss"])
        flat = one[one.metric == "chance_share"].iloc[0]
        plotting.note(ax, f"at chance over {number(flat, 100, 0)} % of the range\n{plotting.threshold_note(one)}")
        task_title(ax, task)
        ax.set_xlabel(LOSS_LABEL)
    axes[0].set_ylabel("exact match")
    percent_axis(axes[0])
    loss_axis(axes[0], points.loss_nats)
    plotting.legend(
        figure,
        "Stand-ins for three BIG-bench tasks along the long runs",
        [*plotting.size_handles(style, points["size"]), plotting.chance_handle(), *plotting.onset_handles()],
    )
    return figure


if __name__ == "__main__":
    plot_main(STEM, draw)
