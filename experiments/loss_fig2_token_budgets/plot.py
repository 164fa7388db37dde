"""Paper L, Figure 2, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import plotting
from experiments.style.axes import LOSS_LABEL, loss_axis
from experiments.style.markdown import number
from experiments.style.stage import plot_main

STEM = "loss_fig2_token_budgets"
CURVE = {"color": "#9aa5b1", "linewidth": 2.2, "zorder": 1}


def draw(results: pd.DataFrame) -> Figure:
    """Twelve panels: one point per small run at the end of its training, and the curve that the long runs trace."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    panels = plotting.task_panels(points)
    for task, ax in panels.axes_dict.items():
        one = results[results.task == task]
        plotting.draw_fit(ax, one[one.kind == "fit"], **CURVE)
        plotting.draw_points(ax, points[points.task == task], style, size=4.8)
        statistics = one[one.kind == "statistic"].set_index("metric")
        plotting.note(
            ax,
            f"size effect {number(statistics.loc['size_effect_points'], 1, 0)} points\n"
            f"distance {number(statistics.loc['curve_distance_share'], 100, 0)} % of the gain",
        )
    loss_axis(panels.axes_dict["recall"], points.loss_nats)
    panels.set_axis_labels(LOSS_LABEL, "score")
    plotting.legend(
        panels.figure,
        "Runs of six sizes and many token budgets at the end of training",
        [
            *plotting.size_handles(style, points["size"]),
            plotting.chance_handle(),
            Line2D([], [], label="curve of the long runs' checkpoints (monotone)", **CURVE),
        ],
    )
    plotting.footnote(
        panels.figure,
        "Size effect: difference at equal loss between the smallest and the largest model. Distance: root mean square"
        " from the long runs' curve, item noise removed. Bars are 95 % intervals over items, brackets 95 % intervals"
        " over runs.",
    )
    return panels.figure


if __name__ == "__main__":
    plot_main(STEM, draw)
