"""Paper L, Table 1, as a table, and a picture of where the scores begin, end and what chance is, from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from experiments.style import plotting
from experiments.style.markdown import NO_VALUE, markdown_table
from experiments.style.stage import plot_main

STEM = "loss_tab1_tasks"
FIRST_COLOR, BEST_COLOR = "#ef7d57", "#2e86ab"


def draw(results: pd.DataFrame) -> Figure:
    """One line per task: chance, the first and the best score of the best long run with their item intervals."""
    declared = results[results.kind == "task"]
    figure = plotting.new_figure(5.4)
    ax = plotting.grid(figure, 1, 1)[0, 0]
    for y, task in enumerate(declared.itertuples()):
        ax.plot(
            [task.value] * 2, [y - 0.36, y + 0.36], color=plotting.CHANCE_COLOR, linewidth=2.2, solid_capstyle="butt"
        )
        for metric, color, offset in (("first_score", FIRST_COLOR, -0.12), ("best_score", BEST_COLOR, 0.12)):
            point = results[(results.task == task.task) & (results.metric == metric)].iloc[0]
            ax.plot([point.low, point.high], [y + offset] * 2, color=color, linewidth=1.6, alpha=0.5)
            ax.plot(point.value, y + offset, marker="o", color=color, markersize=5.5, linestyle="none")
    ax.set_yticks(range(len(declared)), [f"{task.task}  ({task.paper_task})" for task in declared.itertuples()])
    ax.set_ylim(len(declared) - 0.5, -0.6)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("score: accuracy, or exact match for open answers")
    plotting.legend(
        figure,
        "The tasks: chance, first and best score of the best long run",
        [
            Line2D([], [], color=plotting.CHANCE_COLOR, linewidth=2.2, label="chance, as declared"),
            Line2D([], [], color=FIRST_COLOR, marker="o", markersize=5.5, label="first checkpoint"),
            Line2D([], [], color=BEST_COLOR, marker="o", markersize=5.5, label="lowest loss"),
        ],
    )
    return figure


def table(results: pd.DataFrame) -> str:
    """The declarations as a markdown table, ours and the paper's."""
    rows = []
    for task in results[results.kind == "task"].itertuples():
        shots = f"{task.prompting} ({int(task.num_shots)})" if task.num_shots else task.prompting
        paper_items = f"{int(task.paper_num_items):,}" if pd.notna(task.paper_num_items) else NO_VALUE
        rows.append(
            [
                task.task,
                task.paper_task,
                task.task_type,
                shots,
                task.answer_form,
                task.metric.replace("_", " "),
                f"{100 * task.value:.1f} %",
                f"{int(task.num_items):,}",
                paper_items,
            ]
        )
    return markdown_table(
        [
            "task",
            "stands for",
            "type",
            "prompting (shots)",
            "answer",
            "metric",
            "chance",
            "items",
            "items in the paper",
        ],
        rows,
    )


if __name__ == "__main__":
    plot_main(STEM, draw, table)
