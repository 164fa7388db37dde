"""Paper P, Figure 7, Definition 1: is F = log(-log PU) straight, convex or concave in log N? The eight unnatural
in-context learning subtasks, and all others.

The paper judges by eye; here a quadratic term is tested by parametric bootstrap of the straight law, with Holm's
correction over the tasks of a family (the eight subtasks, the others). Runs without a pass stay in through their zeros,
items stopped at the cap through the likelihood; both are counted. Where the pass probability was also computed exactly,
the same test is made on the exact rates (`bend_exact`), for which no run is at zero.
"""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.task_law.counts import effective_counts, fit_counts
from analysis.task_law.fit import Curvature, curvature_test, growth_table
from analysis.task_law.lack_of_fit import bend, family_level, growth_kinds
from experiments.tables.names import ALL_TASKS, UICL_TASKS, series_names
from experiments.tables.pass_statistics import joined_statistic, too_high, too_low
from experiments.tables.passes import (
    exact_rates,
    has_method,
    has_passed,
    point_rows,
    pooled_rates,
    select_passes,
    series_pass_rates,
)
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import mean_over_series, run_rates, with_f
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig7_growth"
FAMILIES = (UICL_TASKS, tuple(task for task in ALL_TASKS if task not in UICL_TASKS))
NUM_REPLICATES = 2000  # the ends of an interval at 1 - 5 % / 8 need many
NUM_CURVE_POINTS = 60
MARGIN = 0.03  # coefficient of (log N)^2 that counts as a bend: over a ladder of 180-fold sizes 0.2 in F off the chord
EXACT_F_ERROR = 0.02  # exact rates enter as counts that know F this well; runs differ by more


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Growth of every task over model size (paper P, Figure 7): pass rates, straight and bent fits, curvature with
    Holm's correction."""
    parts: list = [size_rows(passes)]
    tests: dict[str, dict[str, Curvature]] = {series: {} for series in series_names(passes)}
    for family in FAMILIES:
        for task in family:
            bends, exact_bends, pooled_all = {}, {}, []
            for series in tests:
                pooled = pooled_rates(select_passes(passes, task, series))
                pooled_all.append(pooled)
                tests[series][task] = curvature(pooled, 0.05 / len(family))
                bends[series] = tests[series][task].quadratic
                parts.append(curves(pooled, task, series))
                if has_method(passes, task, "exact"):
                    exact = exact_subtask_points(select_passes(passes, task, series, "exact"), pooled)
                    parts.append(point_rows(exact, "pass_rate_exact"))
                    exact_bends[series] = curvature(exact, 0.05 / len(family)).quadratic
            points = pd.concat(pooled_all)
            parts += [
                point_rows(points),
                [statistic_row(points, task, "left_chance", has_passed(points, task))],
                joined_statistic(points, task, "bend", bends, too_high),
            ]
            if exact_bends:
                parts.append(joined_statistic(points, task, "bend_exact", exact_bends, too_high))
        parts.append(subtask_growth_rows(tests, family))
    parts.append(
        joined_statistic(
            passes, "all", "num_accelerated", {series: num_accelerated(tests[series]) for series in tests}, too_low
        )
    )
    return [*parts, *margin_statistics(passes)]


def margin_statistics(passes: pd.DataFrame) -> list:
    """Bend of each subtask by least squares on exact rates, mean over series, at a level at which all subtasks'
    intervals hold together; kinds of growth beyond MARGIN; and how many are accelerated: certainly (low), by their
    estimates (value), possibly (high)."""
    bends, parts = {}, []
    for task in UICL_TASKS:
        parts.append(bends_of_f(with_f(run_rates(passes, task)), task))
        bends[task] = Estimate(*(parts[-1][0][name] for name in ("value", "low", "high", "status")))
    kinds = growth_kinds(bends, MARGIN)
    parts.append(
        [
            {"kind": "growth_margin", "task": task, "metric": kind, "value": bends[task].estimate, "status": "ok"}
            for task, kind in kinds.items()
        ]
    )
    return [*parts, [statistic_row(passes, "all", "num_accelerated_margin", accelerated_by_margin(bends))]]


def bends_of_f(rates: pd.DataFrame, task: str) -> list[dict]:
    """Bend of f over the runs in `rates` at the level of the eight subtasks, mean over series, and that of each."""
    level, by_series = family_level(len(UICL_TASKS)), {}
    for series, runs in rates.groupby("series", sort=False):
        by_series[series] = bend(runs.num_nonembedding_parameters.to_numpy(float), runs.f.to_numpy(), level)
    return mean_over_series(rates, task, "bend_of_f", by_series)


def accelerated_by_margin(bends: dict[str, Estimate]) -> Estimate:
    """Number of subtasks whose bend is below -MARGIN, with the interval that the subtasks' intervals leave."""
    found = [one for one in bends.values() if one.ok]
    if not found:
        return failed("no subtask has four sizes with a pass")
    lost = len(bends) - len(found)
    certain, estimated, possible = (
        sum(getattr(one, end) < -MARGIN for one in found) for end in ("high", "estimate", "low")
    )
    return Estimate(
        float(estimated), float(certain), float(possible + lost), f"ok: {len(found)} of {len(bends)} subtasks"
    )


def curvature(pooled: pd.DataFrame, tail_share: float) -> Curvature:
    """Curvature test on the rates of a series, interval at 1 - tail_share."""
    return curvature_test(
        pooled.num_nonembedding_parameters,
        pooled.passes,
        pooled.attempts,
        num_replicates=NUM_REPLICATES,
        level=1 - tail_share,
    )


def exact_subtask_points(exact: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """Exact mean rates of the runs in `pooled`, as points and as counts that know F to EXACT_F_ERROR."""
    rate = exact.assign(rate=exact_rates(exact)).groupby("run").rate.mean().loc[pooled.run].to_numpy()
    inside = np.clip(rate, 1e-300, 1 - 1e-9)
    passes, attempts = effective_counts(
        rate, (inside * np.log(inside) * EXACT_F_ERROR) ** 2, pooled.num_attempts.to_numpy(float)
    )
    return pooled.assign(value=rate, low=rate, high=rate, passes=passes, attempts=attempts, status="ok", num_censored=0)


def curves(pooled: pd.DataFrame, task: str, series: str) -> pd.DataFrame:
    """Straight and bent fit as `fit` rows over the sizes; none below four sizes with a pass."""
    if pooled[pooled.passes > 0]["size"].nunique() < 4:
        return pd.DataFrame()
    x = np.log(pooled.num_nonembedding_parameters.to_numpy(float))
    grid = np.linspace(x.min(), x.max(), NUM_CURVE_POINTS)
    rows = []
    for name, degree in (("straight", 1), ("bent", 2)):
        fit = fit_counts(
            np.vander(x - x.mean(), degree + 1),
            np.zeros(len(x)),
            pooled.passes.to_numpy()[None],
            pooled.attempts.to_numpy(),
        )
        if fit.converged[0]:
            rate = np.exp(-np.exp(np.vander(grid - x.mean(), degree + 1) @ fit.theta[0]))
            rows.append(
                pd.DataFrame(
                    {
                        "kind": "fit",
                        "task": task,
                        "metric": name,
                        "series": series,
                        "num_parameters": np.exp(grid),
                        "value": rate,
                    }
                )
            )
    return pd.concat(rows) if rows else pd.DataFrame()


def subtask_growth_rows(tests: dict[str, dict[str, Curvature]], family: tuple[str, ...]) -> pd.DataFrame:
    """Rows of kind `growth`, one per task of a family: the kind in `metric`, the quadratic term, p-values before and
    after Holm's correction."""
    tables = [growth_table({task: tests[series][task] for task in family}).assign(series=series) for series in tests]
    table = pd.concat(tables).rename(columns={"growth": "metric", "quadratic": "value"})
    return table.assign(kind="growth", status=np.where(table.p_value.notna(), "ok", table.metric))


def num_accelerated(tests: dict[str, Curvature]) -> Estimate:
    """Subtasks of unnatural in-context learning with a concave F after Holm's correction, out of eight; "failed" where
    none could be tested."""
    table = growth_table({task: tests[task] for task in UICL_TASKS})
    tested = int(table.p_value.notna().sum())
    if not tested:
        return failed("no subtask has four sizes with a pass")
    return Estimate(
        float((table.growth == "accelerated").sum()),
        np.nan,
        np.nan,
        f"ok: {tested} of {len(UICL_TASKS)} subtasks could be tested",
    )


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
