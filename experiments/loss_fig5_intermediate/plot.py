"""Paper L, Figure 5, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.style import plotting
from experiments.style.axes import LOSS_LABEL, loss_axis
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import THRESHOLD

STEM = "loss_fig5_intermediate"


def draw(results: pd.DataFrame) -> Figure:
    """Twelve panels: every checkpoint of the small runs."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    panels = plotting.task_panels(points)
    for task, ax in panels.axes_dict.items():
        one = results[results.task == task]
        plotting.draw_points(ax, points[points.task == task], style, size=3.0, alpha=0.75)
        statistics = one[one.kind == "statistic"].set_index("metric")
        text = f"size effect {number(statistics.loc['size_effect_points'], 1, 0)} points"
        if task in THRESHOLD:
            plotting.draw_onset(ax, one[one.metric == "onset_mean"])
            text += f"\nSD of onset {number(statistics.loc['onset_sd_share'], 100, 1)} % of range"
        plotting.note(ax, text)
    loss_axis(panels.axes_dict["recall"], points.loss_nats)
    panels.set_axis_labels(LOSS_LABEL, "score")
    plotting.legend(
        panels.figure,
        "Intermediate checkpoints of the small runs",
        [
            *plotting.size_handles(style, points["size"]),
            plotting.chance_handle(),
            plotting.onset_handles("mean onset loss of all runs, 95 % interval")[1],
        ],
    )
    plotting.footnote(
        panels.figure,
        "SD of onset: standard deviation over all runs, long and small, of the loss at which a run leaves chance for"
        " good, as a share of the long runs' loss range. Size effect: difference at equal loss between the smallest and"
        " the largest model. Bars are 95 % intervals over items.",
    )
    return panels.figure


if __name__ == "__main__":
    plot_main(STEM, draw)
