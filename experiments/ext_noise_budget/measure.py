"""What the interval of a score is made of: its items, the seed, the mixture, the neighbouring checkpoint and the draw
of the answers, each as a standard deviation, at the checkpoints of the long runs in the lower half of their loss range,
where most claims are judged."""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.run_curves.noise import draw_noise, factor_noise, item_noise, neighbour_noise
from experiments.tables.names import BIGBENCH, THRESHOLD, TWELVE
from experiments.tables.passes import exact_rates, has_method, item_rates, select_passes
from experiments.tables.scores import select, size_rows, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import loss_range
from experiments.tables.thresholds import threshold_pass_rates
from profiles.paths import Paths

STEM = "ext_noise_budget"
TASKS_SHOWN = (*TWELVE, *BIGBENCH)
SOURCES = ("items", "answers", "checkpoints", "seeds", "mixtures")  # statistic "<source>_sd"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """One row per task and source of noise; and how many tasks move more with the seed than with the items."""
    passes = threshold_pass_rates(paths)
    parts: list = [size_rows(scores)]
    exceeding = []
    for task in TASKS_SHOWN:
        rows = late_checkpoints(select(scores, (task,), series="long"))
        found = {
            "items": Estimate(item_noise(rows.value, rows.num_items), np.nan, np.nan),
            "checkpoints": neighbour_noise(rows.run, rows.loss_nats, rows.value),
            "seeds": over_factor(rows, "seed"),
        }
        if task in THRESHOLD:
            found["answers"] = Estimate(answer_noise(passes, task, rows), np.nan, np.nan)
        if "mixture" in rows and rows.mixture.nunique() > 1:
            found["mixtures"] = over_factor(rows, "mixture")
        parts.append([statistic_row(rows, task, f"{name}_sd", found[name]) for name in SOURCES if name in found])
        if found["seeds"].ok:
            exceeding.append(found["seeds"].estimate > found["items"].estimate)
    count = Estimate(float(sum(exceeding)), np.nan, np.nan) if exceeding else failed("one seed only")
    parts.append([statistic_row(scores[scores.series == "long"], "", "tasks_seeds_over_items", count, len(exceeding))])
    return parts


def late_checkpoints(rows: pd.DataFrame) -> pd.DataFrame:
    """Those in the lower half of the runs' loss range."""
    high, low = loss_range(rows)
    return rows[rows.loss_nats <= (high + low) / 2].reset_index(drop=True)


def over_factor(rows: pd.DataFrame, factor: str) -> Estimate:
    """SD over the levels of a factor, all else alike: size, tokens seen, and the other factor where there is one."""
    others = [name for name in ("seed", "mixture") if name in rows and name != factor]
    cells = rows[["size", "tokens_seen", *others]].astype(str).agg("/".join, axis=1)
    blocks = rows[["size", *others]].astype(str).agg("/".join, axis=1)
    return factor_noise(rows[factor].astype(str), cells, blocks, rows.value)


def answer_noise(passes: pd.DataFrame, task: str, rows: pd.DataFrame) -> float:
    """SD by the draw of one answer per item at temperature 1, root mean square over these checkpoints, for as many
    items as are scored: sampling measures fewer of them."""
    method = "shared" if has_method(passes, task, "shared") else "exact"
    items = select_passes(passes, task, method=method)
    items = items.assign(rate=item_rates(items) if method == "shared" else exact_rates(items))
    wanted = set(zip(rows.run, rows.tokens_seen))
    found = [
        draw_noise(part.rate.clip(0, 1)) * np.sqrt(len(part) / rows.num_items.max())
        for place, part in items.groupby(["run", "tokens_seen"], sort=True)
        if place in wanted
    ]
    return float(np.sqrt(np.mean(np.square(found))))


if __name__ == "__main__":
    measure_main(STEM, measure)
