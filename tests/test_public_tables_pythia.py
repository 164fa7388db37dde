"""Reading Pythia: which rows are dropped and why, and the proxy of the loss of each suite."""

import pandas as pd
import pytest

from public_tables.pythia import METRICS, PROXIES, clean_pythia, read_pythia
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables

KEY = {"params_total": 7e7, "params_nonembed": 1.9e7, "deduped": 0, "variant": "main", "tokens": 6e9, "shots": 0}


def planted() -> pd.DataFrame:
    """One model of each suite at two steps, one of them without its proxy; five-shot and variant rows."""
    rows = []
    for suite in ("v0", "v1"):
        for step in (1000, 2000):
            about = KEY | {"suite": f"pythia-{suite}", "model": "pythia-70m", "step": step}
            rows += [about | {"task": task, "metric": metric, "value": 0.5} for task, metric in METRICS.values()]
            if step == 1000:
                task, metric = PROXIES[suite]
                rows.append(about | {"task": task, "metric": metric, "value": 1.1 if suite == "v0" else 2.2})
    rows.append(rows[0] | {"shots": 5})
    rows.append(rows[0] | {"variant": "0.5MtokBS"})
    rows.append(rows[0] | {"task": "wsc"})
    return pd.DataFrame(rows)


def cleaned(frame: pd.DataFrame) -> PublicTable:
    return clean_pythia(PublicTable(SOURCES["pythia"], frame))


def test_each_suite_has_its_proxy_and_drops_are_counted():
    table = cleaned(planted())
    assert list(table.rows.run) == ["pythia-70m v0", "pythia-70m v1"] and list(table.rows.proxy) == [1.1, 2.2]
    assert list(table.rows["size"]) == ["70M", "70M"] and set(table.rows.group) == {"the Pile"}
    assert [note.split(" rows")[0] for note in table.notes] == [
        "dropped 1 of 37",
        "dropped 1 of 36",
        "dropped 1 of 35",
        "dropped 2 of 4",
    ]


def test_a_repeated_score_is_an_error():
    with pytest.raises(ValueError, match="repeat one key"):
        cleaned(pd.concat([planted(), planted().iloc[:1]]))


@pytest.mark.skipif(bool(absent_tables(("pythia",))), reason="the Pythia table is not here")
def test_the_real_table():
    rows = read_pythia().rows
    assert (rows.series == "v0").sum() == 150 and rows[rows.series == "v0"].run.nunique() == 10
    assert rows[rows.series == "v1"].run.nunique() == 16
