"""Paper L, Figure 6, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.style import plotting
from experiments.style.axes import COMPUTE_LABEL, compute_axis
from experiments.style.markdown import number
from experiments.style.stage import plot_main

STEM = "loss_fig6_compute"


def draw(results: pd.DataFrame) -> Figure:
    """Twelve panels against training compute: long runs as filled points joined by lines, small runs as hollow
    points."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    panels = plotting.task_panels(points)
    for task, ax in panels.axes_dict.items():
        one = points[points.task == task]
        plotting.draw_points(
            ax, one[one.series == "small"], style, x="compute_flops", hollow=True, size=2.6, alpha=0.45
        )
        plotting.draw_points(ax, one[one.series == "long"], style, x="compute_flops", joined=True)
        ratio = results[(results.task == task) & (results.metric == "spread_ratio")].iloc[0]
        plotting.note(ax, f"spread against compute / loss:\n{number(ratio, 1, 1)}")
    compute_axis(panels.axes_dict["recall"])
    panels.set_axis_labels(COMPUTE_LABEL, "score")
    plotting.legend(
        panels.figure,
        "The same points against training compute",
        [*plotting.size_handles(style, points["size"]), plotting.chance_handle()],
    )
    plotting.footnote(
        panels.figure,
        "Filled and joined: long runs; hollow: small runs. The ratio compares the residual spread around one curve in"
        " compute with that around one curve in loss, brackets are its 95 % interval over runs; above 1, loss tells"
        " more than compute.",
    )
    return panels.figure


if __name__ == "__main__":
    plot_main(STEM, draw)
