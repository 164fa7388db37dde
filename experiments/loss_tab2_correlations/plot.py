"""Paper L, Table 2, as a dot plot and as a table, from results.csv."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import plotting
from experiments.style.markdown import markdown_table, number
from experiments.style.stage import plot_main
from experiments.tables.names import SMOOTH, THRESHOLD
from tasks import TASKS

STEM = "loss_tab2_correlations"
ORDER = (*SMOOTH, *THRESHOLD)
KINDS = {"statistic": "#2e86ab", "published": plotting.PAPER_COLOR}  # kind of row -> colour
DODGE = 0.2  # of seaborn's two strips from the middle of a row of 0.8
CRITERION = -0.9  # paper/claims.yaml, smooth_correlation
NAMES = {"spearman": "Spearman's rank correlation", "pearson": "Pearson's correlation"}


def draw(results: pd.DataFrame) -> Figure:
    """Our correlations with intervals beside the paper's values, smooth tasks above, threshold tasks below."""
    figure = plotting.new_figure(4.6)
    axes = plotting.grid(figure, 1, 2, sharey=True, sharex=True)[0]
    shown = results[results.task.isin(ORDER) & results.kind.isin(KINDS)]
    for ax, (statistic, name) in zip(axes, NAMES.items()):
        one = shown[shown.metric == statistic]
        for y, task in enumerate(ORDER):
            ours = _row(results, "statistic", task, statistic)
            if ours.status.startswith("ok"):
                ax.plot([ours.low, ours.high], [y - DODGE] * 2, color=KINDS["statistic"], linewidth=1.6, alpha=0.6)
        sns.stripplot(
            one, x="value", y="task", hue="kind", order=ORDER, hue_order=KINDS, palette=KINDS, dodge=True, jitter=False,
            size=6, legend=False, ax=ax,
        )  # fmt: skip
        ax.axvline(CRITERION, color=plotting.ONSET_COLOR, linewidth=1.0, linestyle=(0, (1, 1.5)), zorder=1)
        ax.axhline(len(SMOOTH) - 0.5, color="#bbbbbb", linewidth=0.8)
        ax.set(xlabel=f"{name} of loss and performance", ylabel="")
    axes[0].set_yticks(range(len(ORDER)), [f"{task}  ({TASKS[task].paper_task})" for task in ORDER])
    axes[0].set_ylim(len(ORDER) - 0.5, -0.6)
    _scale(axes[0], results)
    plotting.legend(
        figure,
        "Correlation of loss and performance over the checkpoints of the long runs",
        [
            Line2D([], [], color=KINDS["statistic"], marker="o", markersize=5.5, label="ours, 95 % interval over runs"),
            Line2D(
                [],
                [],
                color=KINDS["published"],
                marker="o",
                markersize=5,
                linestyle="none",
                label="paper L, Table 2 (no interval given)",
            ),
            Line2D(
                [],
                [],
                color=plotting.ONSET_COLOR,
                linewidth=1.0,
                linestyle=(0, (1, 1.5)),
                label=f"criterion for the smooth tasks, {CRITERION:g}",
            ),
        ],
    )
    return figure


def table(results: pd.DataFrame) -> str:
    """The same numbers as a markdown table."""
    rows = []
    for task in ORDER:
        cells = [f"{task} ({TASKS[task].paper_task})"]
        for statistic in NAMES:
            cells += [
                number(_row(results, "statistic", task, statistic), 1, 3),
                f"{_row(results, 'published', task, statistic).value:.3f}",
            ]
        rows.append(cells)
    return markdown_table(["task (stands for)", "Spearman, ours", "paper", "Pearson, ours", "paper"], rows)


def _row(results: pd.DataFrame, kind: str, task: str, statistic: str) -> pd.Series:
    return results[(results.kind == kind) & (results.task == task) & (results.metric == statistic)].iloc[0]


def _scale(ax, results: pd.DataFrame) -> None:
    shown = results[results.metric.isin(NAMES) & results.kind.isin(["statistic", "published"])]
    ax.set_xlim(-1.02, max(shown.high.max(), shown.value.max(), CRITERION) + 0.03)


if __name__ == "__main__":
    plot_main(STEM, draw, table)
