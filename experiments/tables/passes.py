"""Reading results/<profile>/passuntil/pass_rates.parquet and losses.csv: the columns, the checks, row builders of
the passuntil_* folders.

One row of pass_rates is one item of one run under one method: passes in attempts, stopped at `target` passes or at
`cap` attempts (method shared or sampled), certified bounds of the pass probability (exact), or 0 or 1 pass of one
attempt (beam). A task's pass rate is the mean over its items.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.intervals import Estimate
from analysis.passes.stopping import pooled_pass_rate, unbiased_estimate, unbiased_variance
from analysis.task_law.counts import effective_counts
from experiments.tables.names import series_names
from experiments.tables.results import RESTORE
from files.tables import read_csv, read_parquet
from ladder.measurements.columns import PASS_COLUMNS, RUN_COLUMNS
from profiles.paths import Paths

ROW_KEY = ["run", "tokens_seen", "task", "item_id", "method", "temperature", "top_p"]
COUNTING_METHODS = ("shared", "sampled")


def load_pass_rates(path: Path) -> pd.DataFrame:
    """The pass rates of a profile, checked. ValueError in one line for an absent, foreign, empty or damaged table."""
    if not path.exists():
        raise ValueError(f"{path}: not found; run `dvc repro` (or `make reproduce`) for this profile first")
    passes = read_parquet(path, RESTORE)
    _check_columns(path, passes, PASS_COLUMNS, ("num_nonembedding_parameters", "loss_nats", "answer_tokens"))
    counted = passes[passes.method.isin(COUNTING_METHODS)]
    wrong = counted[~((counted.passes >= 0) & (counted.passes <= counted.attempts) & (counted.attempts >= 1))]
    if len(wrong):
        raise ValueError(
            f"{path}: {_place(wrong.iloc[0])} has {wrong.passes.iloc[0]} passes in {wrong.attempts.iloc[0]} attempts;"
            " sample that item again"
        )
    exact = passes[passes.method == "exact"]
    wrong = exact[~(exact.log_pass_low <= exact.log_pass_high)]
    if len(wrong):
        raise ValueError(
            f"{path}: {_place(wrong.iloc[0])} has no certified bounds of its pass probability; measure that item again"
        )
    twice = passes[passes.duplicated(ROW_KEY)]
    if len(twice):
        raise ValueError(
            f"{path}: {_place(twice.iloc[0])} stands twice with method {twice.method.iloc[0]}; join the runs' tables"
            " again with `dvc repro`"
        )
    return passes


def load_losses(path: Path) -> pd.DataFrame:
    """The loss of every checkpoint of every series run, checked. ValueError in one line as above."""
    if not path.exists():
        raise ValueError(f"{path}: not found; run `dvc repro` (or `make reproduce`) for this profile first")
    losses = read_csv(path, RESTORE)
    _check_columns(path, losses, RUN_COLUMNS, ("num_nonembedding_parameters", "loss_nats", "tokens_seen"))
    return losses


def series_pass_rates(paths: Paths) -> pd.DataFrame:
    """The pass rates of a profile's series runs at their last checkpoint: what most passuntil_* folders measure."""
    return load_pass_rates(paths.pass_rates)


def checkpoint_losses(paths: Paths) -> pd.DataFrame:
    """The losses of a profile's series runs."""
    return load_losses(paths.losses)


def _check_columns(path: Path, table: pd.DataFrame, columns: tuple[str, ...], finite: tuple[str, ...]) -> None:
    if absent := [column for column in columns if column not in table.columns]:
        raise ValueError(f"{path}: column {absent[0]} is missing; measure again with `dvc repro`")
    if table.empty:
        raise ValueError(f"{path}: holds no rows; measure at least one run")
    for column in finite:
        bad = ~np.isfinite(pd.to_numeric(table[column], errors="coerce"))
        if bad.any():
            raise ValueError(
                f"{path}: column {column} holds nan or inf (run {table.run[bad].iloc[0]}); measure that run again"
            )


def _place(row: pd.Series) -> str:
    return f"run {row.run}, task {row.task}, item {row.item_id}"


def select_passes(
    passes: pd.DataFrame, task: str, series: str | None = None, method: str = "shared", temperature: float = 1.0
) -> pd.DataFrame:
    """Rows of one task under one method at one temperature (top_p 1), of one series or of all, ordered by series, size,
    seed and item.

    ValueError where there are none."""
    chosen = passes[
        (passes.task == task)
        & (passes.method == method)
        & np.isclose(passes.temperature, temperature)
        & np.isclose(passes.top_p, 1.0)
    ]
    if series is not None:
        chosen = chosen[chosen.series == series]
    if chosen.empty:
        where = f" of series {series}" if series else ""
        raise ValueError(
            f"pass_rates: no row{where} has task {task}, method {method} and temperature {temperature:g}; measure the"
            " runs on that task"
        )
    rank = chosen.series.map({name: place for place, name in enumerate(series_names(passes))})
    return chosen.iloc[np.lexsort((chosen.item_id, chosen.seed, chosen.num_nonembedding_parameters, rank))].reset_index(
        drop=True
    )


def has_method(passes: pd.DataFrame, task: str, method: str) -> bool:
    """Whether a task was measured by a method (exact needs a checker that lists its answers)."""
    return bool(((passes.task == task) & (passes.method == method)).any())


def target_of(rows: pd.DataFrame) -> int:
    """The number of passes at which sampling stopped. ValueError unless it is one number for all rows."""
    targets = rows.target.unique()
    if len(targets) != 1:
        raise ValueError(
            f"pass_rates: task {rows.task.iloc[0]} was sampled to {len(targets)} different targets; measure all runs"
            " with the same one"
        )
    return int(targets[0])


def item_rates(rows: pd.DataFrame) -> np.ndarray:
    """Unbiased estimate of each row's pass rate, [n]: (r - 1) / (K - 1), passes / cap where censored."""
    return unbiased_estimate(rows.passes.to_numpy(), rows.attempts.to_numpy(), target_of(rows))


def exact_rates(rows: pd.DataFrame) -> np.ndarray:
    """Pass probability of each row of method exact, [n]: the middle of its certified bounds (equal but for the search's
    tolerance where it finished)."""
    low, high = exact_bounds(rows)
    return (low + high) / 2


def exact_bounds(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Certified lower and upper bound of the pass probability of each row of method exact, [n] each; far apart where
    the search met its limit."""
    return np.exp(rows.log_pass_low.to_numpy(float)), np.exp(rows.log_pass_high.to_numpy(float))


def pooled_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean pass rate over the items of a task, one row per run: value with the sampling interval low, high of these
    very items, `passes` and `attempts` of a binomial with that mean and variance (for the task law), num_items,
    num_censored, num_attempts, num_evaluated; in the order of `rows`.
    """
    target = target_of(rows)
    passes, attempts, evaluated = (rows[name].to_numpy() for name in ("passes", "attempts", "num_evaluated"))
    variances = unbiased_variance(passes, attempts, target)
    runs, labels = pd.factorize(rows.run)
    places = [np.flatnonzero(runs == run) for run in range(len(labels))]
    estimates = [pooled_pass_rate(passes[place], attempts[place], target) for place in places]
    num_items, num_attempts = np.bincount(runs), np.bincount(runs, attempts)
    value = np.array([estimate.estimate for estimate in estimates])
    effective = effective_counts(value, np.bincount(runs, variances) / num_items**2, num_attempts)
    pooled = rows.iloc[[place[0] for place in places]][[*RUN_COLUMNS, "task"]].reset_index(drop=True)
    return pooled.assign(
        value=value,
        low=[estimate.low for estimate in estimates],
        high=[estimate.high for estimate in estimates],
        passes=effective[0],
        attempts=effective[1],
        num_items=num_items,
        num_censored=np.bincount(runs, passes < target).astype(int),
        num_attempts=num_attempts.astype(np.int64),
        num_evaluated=np.bincount(runs, evaluated).astype(np.int64),
        status=[estimate.status for estimate in estimates],
    )


def point_rows(pooled: pd.DataFrame, metric: str = "pass_rate") -> pd.DataFrame:
    """Pooled rates as rows of a results.csv; beyond its columns: num_parameters (non-embedding), is_held_out,
    num_censored, num_attempts."""
    columns = [
        "run",
        "series",
        "size",
        "seed",
        "tokens_seen",
        "compute_flops",
        "loss_nats",
        "task",
        "value",
        "low",
        "high",
        "num_items",
        "status",
        "is_held_out",
        "num_censored",
        "num_attempts",
    ]
    return pooled[columns].assign(
        kind="checkpoint",
        metric=metric,
        num_parameters=pooled.num_nonembedding_parameters,
        seed=pooled.seed.astype(str),
    )


def has_passed(pooled: pd.DataFrame, task: str) -> Estimate:
    """1 if any run passes an item of the task at all, else 0: what `left_chance` says of a task whose chance is 0."""
    num_passed = int((pooled.low > 0).sum())
    return Estimate(
        float(num_passed > 0), np.nan, np.nan, f"ok: {num_passed} of {len(pooled)} runs pass items of {task}"
    )
