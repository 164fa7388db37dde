"""Paper L, Table 1: the tasks, how they are asked and scored, their chance level, and the first and the best score of
the best long run."""

import pandas as pd

from analysis.intervals import Estimate
from experiments.tables.names import asked
from experiments.tables.published import load_published
from experiments.tables.scores import select, statistic_row
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "loss_tab1_tasks"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Task declarations beside the paper's Tables 1 and 6, and where the scores begin and end along the long run with
    the lowest loss."""
    benchmarks = load_published("table1_tasks").set_index("task")
    tasks = asked(scores)
    rows = select(scores, tasks, series="long")
    best_run = rows.loc[rows.loss_nats.idxmin(), "run"]
    declared, measured = [], []
    for name, task in tasks.items():
        one = rows[(rows.task == name) & (rows.run == best_run)].sort_values("tokens_seen")
        paper = benchmarks.loc[name] if name in benchmarks.index else None
        declared.append(
            {
                "kind": "task",
                "task": name,
                "metric": task.metric,
                "value": task.chance,
                "num_items": one.num_items.iloc[0],
                "paper_task": task.paper_task,
                "language": task.language,
                "task_type": task.task_type,
                "prompting": task.prompting,
                "num_shots": task.num_shots,
                "answer_form": task.answer_form,
                "paper_prompting": "" if paper is None else paper.prompting,
                "paper_num_items": None if paper is None else paper.num_items,
            }
        )
        for label, point in (("first_score", one.iloc[0]), ("best_score", one.loc[one.loss_nats.idxmin()])):
            measured.append(
                statistic_row(one, name, label, Estimate(point.value, point.low, point.high), int(point.num_items))
                | {"loss_nats": point.loss_nats}
            )
    return [declared, measured]


if __name__ == "__main__":
    measure_main(STEM, measure)
