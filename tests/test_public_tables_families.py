"""Reading tables of many families: drops, names, ranges."""

import pandas as pd
import pytest

from public_tables.families import clean_dclm, clean_obsscaling
from public_tables.sources import SOURCES
from public_tables.table import PublicTable

DCLM = pd.DataFrame(
    {"Dataset": ["a", "a", "b"], "params": 1e9, "tokens": 1e9, "mmlu_fewshot": [0.25, 0.25, None], "hellaswag": 0.5}
)
OBS = pd.DataFrame(
    {"Model": ["x", "y"], "Model Family": "F", "Model Size (B)": [7.0, 13.0], "MMLU": 0.4, "HellaSwag": 0.7}
    | {"GSM8K": 0.1, "HumanEval": [0.1, None]}
)


def test_dclm_drops_gaps_and_repeats():
    table = clean_dclm(PublicTable(SOURCES["dclm"], DCLM))
    assert len(table.rows) == 1 and list(table.rows.columns) == ["run", "params", "tokens", "mmlu", "hellaswag"]
    assert [note.split(": ")[1] for note in table.notes] == [
        "no MMLU or no HellaSwag",
        "repeats another row in every column",
    ]
    with pytest.raises(ValueError, match="outside 0 to 1"):
        clean_dclm(PublicTable(SOURCES["dclm"], DCLM.assign(hellaswag=50)))


def test_obsscaling_keeps_every_model_with_its_size():
    rows = clean_obsscaling(PublicTable(SOURCES["obsscaling"], OBS)).rows
    assert list(rows.params) == [7e9, 13e9] and list(rows.family) == ["F", "F"] and rows.humaneval.isna().sum() == 1
    with pytest.raises(ValueError, match="repeat one key"):
        clean_obsscaling(PublicTable(SOURCES["obsscaling"], OBS.assign(Model="x")))
