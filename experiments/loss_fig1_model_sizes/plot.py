"""Paper L, Figure 1, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.style import plotting
from experiments.style.axes import LOSS_LABEL, loss_axis
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import THRESHOLD

STEM = "loss_fig1_model_sizes"


def draw(results: pd.DataFrame) -> Figure:
    """Twelve panels of performance against loss along the long runs, with the fitted threshold of the exam and the
    maths tasks."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    panels = plotting.task_panels(points)
    for task, ax in panels.axes_dict.items():
        one = results[results.task == task]
        plotting.draw_points(ax, points[points.task == task], style, joined=True)
        plotting.draw_fit(ax, one[one.kind == "fit"])
        plotting.draw_onset(ax, one[one.metric == "onset_loss"])
        plotting.note(ax, _summary(one, task))
    loss_axis(panels.axes_dict["recall"], points.loss_nats)
    panels.set_axis_labels(LOSS_LABEL, "score")
    plotting.legend(
        panels.figure,
        "Performance against loss along the long runs",
        [*plotting.size_handles(style, points["size"]), plotting.chance_handle(), *plotting.onset_handles()],
    )
    plotting.footnote(
        panels.figure,
        "Score: accuracy, or exact match for recall and maths; bars are 95 % intervals over items. Paper L sees MMLU,"
        " C-Eval, GSM8K and GSM8K-Chinese leave chance near a loss of 2.2, in nats per token of its own corpus and"
        " tokenizer: no place on this axis corresponds to it.",
    )
    return panels.figure


def _summary(one: pd.DataFrame, task: str) -> str:
    """The threshold, or the largest jump, as a note in the panel."""
    statistics = one[one.kind == "statistic"].set_index("metric")
    if task in THRESHOLD:
        return plotting.threshold_note(one)
    jump = statistics.loc["largest_jump_share"]
    return (
        f"largest jump {number(jump, 100, 0)} % of the gain"
        if jump.status.startswith("ok")
        else "no gain beyond item noise"
    )


if __name__ == "__main__":
    plot_main(STEM, draw)
