"""Paper L, Figure 3, on the OLMo ladder: rank correlation, size effect at equal loss, spread on compute."""

from collections.abc import Mapping

from experiments.public.stage import measure_public
from experiments.public.statistics import band_claims, loss_claims
from public_tables.digitised import digitised_rows
from public_tables.olmo import OLMO_TASKS, olmo_rows
from public_tables.rows import last_checkpoints, public_size_rows, stored, thinned
from public_tables.table import PublicTable

STEM, SOURCES = "loss_fig3_open_models", ("olmo",)
DRAWN = 12  # checkpoints a run


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Ten cloze tasks over 33 runs against the loss on C4."""
    rows = tables["olmo"].rows
    parts: list = [public_size_rows(rows), digitised_rows()]
    for task in OLMO_TASKS:
        one = olmo_rows(rows, task, "cloze")
        parts.append(stored(thinned(one, DRAWN)))
        parts.append([*loss_claims(task, one), *band_claims(task, one)])
        last = last_checkpoints(one)
        parts += [loss_claims(task, last, "_final"), loss_claims(task, last[last.series == "small"], "_final_ladder")]
    return parts


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
