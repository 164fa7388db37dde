"""Letter MMLU against HellaSwag: thresholds, and who is above 0.30 where."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate
from analysis.onset.shapes import compare_shapes
from analysis.onset.threshold import fit_hinge
from experiments.public.stage import measure_public
from experiments.public.statistics import plain_number, statistic
from public_tables.benchmarks import BENCHMARKS
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_families", ("dclm", "gadre", "olmo", "obsscaling")
BELOW, ABOVE, KNOWS = 0.70, 0.78, 0.30  # HellaSwag, HellaSwag, MMLU
CHANCE, NUM_ITEMS = BENCHMARKS["mmlu"].chance, BENCHMARKS["mmlu"].num_items


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Pairs of scores of four tables; thresholds of the two that cross; exceptions by name."""
    pairs = {
        "DCLM": tables["dclm"].rows[["run", "hellaswag", "mmlu"]],
        "Gadre": _renamed(tables["gadre"].rows, "acc_hellaswag", "acc_mmlu"),
        "OLMo-2": _renamed(tables["olmo"].rows, "hellaswag_cloze", "mmlu_letter"),
        "ObsScaling": tables["obsscaling"].rows[["family", "hellaswag", "mmlu"]].rename(columns={"family": "run"}),
    }
    parts: list = []
    for name, rows in pairs.items():
        rows = rows.dropna().reset_index(drop=True)
        parts += [_points(name, rows), _shares(name, rows)]
        if name in ("DCLM", "OLMo-2"):
            parts.append(_threshold(name, rows))
    return parts


def _renamed(rows: pd.DataFrame, hellaswag: str, mmlu: str) -> pd.DataFrame:
    return rows[["run", hellaswag, mmlu]].set_axis(["run", "hellaswag", "mmlu"], axis=1)


def _points(name: str, rows: pd.DataFrame) -> list[dict]:
    """A point per model or checkpoint; loss_nats holds the HellaSwag score that stands in for a loss."""
    return [
        {
            "kind": "checkpoint",
            "task": "mmlu",
            "metric": "letter_accuracy",
            "series": name,
            "run": row.run,
            "loss_nats": row.hellaswag,
            "value": row.mmlu,
            "num_items": NUM_ITEMS,
        }
        for row in rows.itertuples()
    ]


def _shares(name: str, rows: pd.DataFrame) -> list[dict]:
    """Share of models above KNOWS on both sides, with the exact interval; exceptions below by name."""
    found = []
    for side, inside in (("below", rows.hellaswag < BELOW), ("above", rows.hellaswag > ABOVE)):
        total, know = int(inside.sum()), int((inside & (rows.mmlu > KNOWS)).sum())
        if not total:
            continue
        low, high = stats.binomtest(know, total).proportion_ci(method="exact")
        named = sorted(rows.run[inside & (rows.mmlu > KNOWS)].unique()) if side == "below" else []
        note = f"ok: {know} of {total}" + (f": {', '.join(map(str, named))}" if named else "")
        found.append(
            statistic(
                "mmlu", f"share_knowing_{side}", Estimate(know / total, float(low), float(high), note), series=name
            )
        )
    highest = rows.mmlu[rows.hellaswag < BELOW]
    if len(highest):
        found.append(plain_number("mmlu", "highest_below", highest.max(), highest, series=name))
    return found


def _threshold(name: str, rows: pd.DataFrame) -> list[dict]:
    """HellaSwag score at which MMLU leaves chance, and whether a hinge is needed."""
    axis, items = 1 - rows.hellaswag, np.full(len(rows), float(NUM_ITEMS))
    fit = fit_hinge(rows.run, axis, rows.mmlu, CHANCE, items, num_replicates=300)
    eta = Estimate(1 - fit.eta.estimate, 1 - fit.eta.high, 1 - fit.eta.low, fit.eta.status)
    shapes = compare_shapes(rows.run, axis, rows.mmlu, CHANCE, items)
    return [
        statistic("mmlu", "threshold_in_hellaswag", eta, rows, series=name),
        plain_number(
            "mmlu", "hinge_advantage", shapes.hinge_advantage_aicc, rows, f"ok: best {shapes.best}", series=name
        ),
    ]


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
