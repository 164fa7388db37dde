"""Which tasks and series the figures show, by name, and the score of a guesser."""

import pandas as pd

from tasks import TASKS

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


def chance_of(task: str, metric: str) -> float:
    """What a guesser scores: the declared chance for accuracy, exact match and the probability of the right choice; 1 -
    1/k for the Brier score of k even choices."""
    return 1.0 - TASKS[task].chance if metric == "brier_score" else TASKS[task].chance


def series_names(table: pd.DataFrame) -> list[str]:
    """The series that occur, in the order of the table."""
    return list(dict.fromkeys(table.series))
