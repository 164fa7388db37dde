"""Which tasks and series the figures show, by name, and the score of a guesser."""

from collections.abc import Mapping

import pandas as pd

from tasks import TASKS
from tasks.base import Task
from tasks.build import tasks_of

FIRST_MIXTURE = "v1"  # of every run in a table without a column `mixture`
ENGLISH = ("recall", "endings", "reading", "coreference", "exam", "maths")
CHINESE = tuple(f"{task}_zh" for task in ENGLISH)
TWELVE = ENGLISH + CHINESE
SMOOTH = ENGLISH[:4] + CHINESE[:4]
THRESHOLD = ("exam", "maths", "exam_zh", "maths_zh")
BIGBENCH = ("unscramble", "modified_arithmetic", "ipa_transliterate")

LAW_TASKS = (
    "program_synthesis",
    "emoji_movie",
    "date_understanding",
)  # the tasks of paper P, sec. 5.3: HumanEval, Emoji Movie, Date Understanding
UICL_TASKS = (
    "uicl_identity",
    "uicl_reverse_natural_content",
    "uicl_reverse_to_natural_content",
    "uicl_dates",
    "uicl_dates_unnatural_form",
    "uicl_dates_unnatural_content",
    "uicl_dates_unnatural_content_and_form",
    "uicl_unnatural_addition_2_digit",
)
MATHS_TASKS = ("maths", "maths_zh")
ALL_TASKS = (*LAW_TASKS, *UICL_TASKS, *MATHS_TASKS)
ITEM_TASKS = (
    "program_synthesis",
    "emoji_movie",
    "date_understanding",
    "maths",
    "maths_zh",
)  # claims.yaml, group pass_items


def asked(rows: pd.DataFrame) -> dict[str, Task]:
    """The tasks as the models of a table were asked them: those of the edition of its mixtures. ValueError for mixtures
    of two editions, whose scores are not one scale."""
    names = rows["mixture"].dropna().unique() if "mixture" in rows else ()
    editions = [tasks_of(name) for name in names if name] or [tasks_of(FIRST_MIXTURE)]
    if any(edition is not editions[0] for edition in editions):
        raise ValueError(f"column mixture: {', '.join(sorted(names))} are of two editions; take one at a time")
    return editions[0]


def mixture_column(rows: pd.DataFrame) -> list[str]:
    """["mixture"] where a table has a mixture that is not the first, for its rows in a results.csv."""
    return ["mixture"] if "mixture" in rows and (rows["mixture"] != FIRST_MIXTURE).any() else []


def chance_of(task: str, metric: str, tasks: Mapping[str, Task] = TASKS) -> float:
    """What a guesser scores: the declared chance for accuracy, exact match and the probability of the right choice; 1 -
    1/k for the Brier score of k even choices. tasks: as `asked` gives them; those of the first world by default."""
    return 1.0 - tasks[task].chance if metric == "brier_score" else tasks[task].chance


def series_names(table: pd.DataFrame) -> list[str]:
    """The series that occur, in the order of the table."""
    return list(dict.fromkeys(table.series))
