"""Paper L, Figure 4, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.style import plotting
from experiments.style.axes import LOSS_LABEL, loss_axis, percent_axis, task_title
from experiments.style.stage import plot_main
from experiments.tables.names import asked, chance_of

STEM = "loss_fig4_metrics"
EXAMS = ("exam", "exam_zh", "exam_cloze", "exam_cloze_zh")
METRICS = ("accuracy", "correct_choice_prob", "brier_score")


def draw(results: pd.DataFrame) -> Figure:
    """Three metrics (rows) on the exam in both languages and on the same items in cloze form (columns)."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    figure = plotting.new_figure(7.8)
    axes = plotting.grid(figure, len(METRICS), len(EXAMS), sharex=True, sharey="row")
    for row, metric in zip(axes, METRICS):
        for ax, task in zip(row, EXAMS):
            one = results[results.task == task]
            plotting.draw_chance(ax, chance_of(task, metric, asked(results)))
            plotting.draw_points(ax, points[(points.task == task) & (points.metric == metric)], style, joined=True)
            plotting.draw_fit(ax, one[(one.kind == "fit") & (one.metric == metric)])
            plotting.draw_onset(ax, one[one.metric == f"onset_loss_{metric}"])
            plotting.note(ax, plotting.threshold_note(one, f"_{metric}"))
        row[0].set_ylabel(plotting.METRIC_NAMES[metric])
    for ax, task in zip(axes[0], EXAMS):
        task_title(ax, task)
    for ax in axes[-1]:
        ax.set_xlabel(LOSS_LABEL)
    percent_axis(axes[0, 0])
    axes[1, 0].set_ylim(-0.04, 1.27)
    axes[2, 0].set_ylim(-0.05, 1.25 * max(0.8, points[points.metric == "brier_score"].value.max()))
    loss_axis(axes[0, 0], points.loss_nats)
    plotting.legend(
        figure,
        "The exam under one discontinuous and two continuous metrics",
        [*plotting.size_handles(style, points["size"]), plotting.chance_handle(), *plotting.onset_handles()],
    )
    plotting.footnote(
        figure,
        "Chance is 25 %, 0.25, and for the Brier score the 0.75 of an even guess over four choices; only values below"
        " 0.75 count as an ability (paper L, Appendix C). The right half shows the same items in cloze form, a control"
        " that the paper does not have.",
    )
    return figure


if __name__ == "__main__":
    plot_main(STEM, draw)
