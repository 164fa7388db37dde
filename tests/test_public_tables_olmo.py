"""Reading the OLMo ladder: what is dropped and why, renamed columns, tidy rows of one task."""

import numpy as np
import pandas as pd
import pytest

from public_tables import olmo
from public_tables.benchmarks import BENCHMARKS
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables

SCORES = {f"{task}_{form}": olmo.score_column(task, form) for task in olmo.OLMO_TASKS for form in ("cloze", "letter")}
LOSSES = [f"loss_{name}" for name in olmo.LOSSES]
RUNS = ("190M-1xC", "peteish7_eval_full", "peteish13_eval_full", "peteish13_eval_final", "peteish7_eval_anneal")


def planted() -> pd.DataFrame:
    """Ten checkpoints of each of five runs; the first of each is untrained, letters only in the long runs."""
    frames = []
    for run in RUNS:
        loss = np.linspace(12, 2.5, 10)
        frame = dict.fromkeys(LOSSES, loss) | dict.fromkeys(SCORES.values(), (12 - loss) / 20)
        frame |= {
            "run": run,
            "size": run.split("-")[0],
            "params": 2e8,
            "step": range(10),
            "tokens": np.arange(10) * 1e9,
            # The ladder's runs warm up until their fourth checkpoint; the long ones give no rate.
            "lr": np.minimum(np.arange(10), 3) * 1e-3 if run == RUNS[0] else np.nan,
        }
        frames.append(pd.DataFrame(frame))
        if run == "190M-1xC":
            frames[-1][[column for name, column in SCORES.items() if name.endswith("letter")]] = np.nan
    return pd.concat(frames, ignore_index=True)


def cleaned(frame: pd.DataFrame) -> PublicTable:
    return olmo.clean(PublicTable(SOURCES["olmo"], frame), SCORES, LOSSES)


def test_warm_up_ends_where_the_rate_is_highest_and_is_unknown_without_one():
    rows = cleaned(planted()).rows
    small = rows[rows.run == RUNS[0]]
    assert small.tokens[small.is_warmup].max() < 3e9 <= small.tokens[~small.is_warmup].min()
    assert small.is_warmup.any() and not rows.is_warmup[rows.run != RUNS[0]].any()


def test_repeats_annealing_and_untrained_checkpoints_are_dropped_and_counted():
    table = cleaned(planted())
    assert [note.split(":")[0] for note in table.notes] == [
        "dropped 10 of 50 rows",
        "dropped 10 of 40 rows",
        "dropped 6 of 30 rows",
    ]
    assert set(table.rows.run) == {"190M-1xC", "7B", "13B"} and set(table.rows["size"]) == {"190M", "7B", "13B"}
    assert set(table.rows[table.rows.series == "long"].run) == {"7B", "13B"}


def test_faults_of_the_table_are_errors():
    twice = pd.concat([planted(), planted().iloc[:1]])
    with pytest.raises(ValueError, match="repeat one key"):
        cleaned(twice)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        cleaned(planted().assign(hellaswag_val_rc_5shot_len_norm=61.3))


def test_a_missing_cloze_score_is_dropped_a_missing_letter_score_is_not():
    frame = planted()
    frame.loc[5, SCORES["piqa_cloze"]] = np.nan
    table = cleaned(frame)
    assert "dropped 1 of 24 rows: a loss or a cloze score is missing" in table.notes
    letter, cloze = (olmo.olmo_rows(table.rows, "piqa", form) for form in ("letter", "cloze"))
    assert set(letter.run) == {"7B", "13B"} and len(cloze) == len(table.rows) == 23
    assert (letter.low < letter.value).all() and (letter.value < letter.high).all()
    assert letter.num_items.unique() == [BENCHMARKS["piqa"].num_items]


@pytest.mark.skipif(bool(absent_tables(("olmo",))), reason="the OLMo table is not here")
def test_the_real_table_is_what_its_note_says():
    table = olmo.read_olmo()
    assert len(table.rows) == 3945 and table.rows.run.nunique() == 33
    assert len(olmo.olmo_rows(table.rows, "mmlu", "letter")) == 376
