"""Paper P, Figure 4: the task law on data-set pass rates, held-out sizes against its prediction, its curvature, the
answer's length in it, its exponents."""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from analysis.intervals import Estimate, failed
from analysis.task_law.fit import Curvature, curvature_test, growth_table
from analysis.task_law.lack_of_fit import bend, held_out_mean_f
from experiments.tables.names import ALL_TASKS, LAW_TASKS, MATHS_TASKS, series_names
from experiments.tables.pass_statistics import (
    DatasetLaw,
    LengthLaw,
    difference,
    held_out_sizes,
    joined_statistic,
    parameters_of,
    rate_at,
    scaled,
    to_f,
    too_far,
    too_high,
)
from experiments.tables.passes import (
    exact_bounds,
    has_method,
    has_passed,
    point_rows,
    pooled_rates,
    select_passes,
    series_pass_rates,
)
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import TWO_ONE_SIDED, mean_over_series, run_rates, with_f
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig4_task_law"
SHOWN = (
    *LAW_TASKS,
    *MATHS_TASKS,
)  # the subtasks of unnatural in-context learning have figure 7; here they only lend their exponents
NUM_CURVE_POINTS = 40
BEYOND = 1.3  # curves end a little beyond the ladder
MAX_EXACT_RATIO = 1.05  # bounds of an exact rate further apart than this are not drawn as one
MIN_ALPHAS = 3  # tasks with a law that a spread of exponents needs


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Measured pass rates, task laws with and without answer length, predictions of the held-out sizes and tests of
    curvature (paper P, Figure 4)."""
    names = series_names(passes)
    parts: list = [size_rows(passes)]
    bends: dict[str, dict[str, Curvature]] = {series: {} for series in names}
    alphas: dict[str, dict[str, Estimate]] = {series: {} for series in names}
    for task in ALL_TASKS:
        rows = select_passes(passes, task)
        pooled = pooled_rates(rows)
        laws = {series: DatasetLaw(pooled[pooled.series == series]) for series in names}
        for series, law in laws.items():
            alphas[series][task] = (
                law.fit.alpha if law.fit.status.startswith("ok") else failed(law.fit.status.removeprefix("failed: "))
            )
            parts.append(
                [
                    statistic_row(pooled[pooled.series == series], task, "alpha", alphas[series][task])
                    | {"kind": "series_statistic", "series": series}
                ]
            )
        if task in SHOWN:
            parts += [
                point_rows(pooled),
                exact_law_points(passes, task, pooled),
                [statistic_row(rows, task, "left_chance", has_passed(pooled, task))],
                *law_parts(rows, pooled, laws, bends),
            ]
        if task in LAW_TASKS:
            parts += straightness(run_rates(passes, task), laws)
    parts += [bend_rows(series, tests) for series, tests in bends.items()]
    parts.append(
        joined_statistic(
            passes,
            "all",
            "alpha_spread_share",
            {series: alpha_spread(found) for series, found in alphas.items()},
            too_high,
        )
    )
    spread = {series: alpha_spread(found) for series, found in alphas.items()}
    parts.append(mean_over_series(passes, "all", "exponent_spread_share", spread))
    return parts


def straightness(rates: pd.DataFrame, laws: dict[str, DatasetLaw]) -> list[list[dict]]:
    """Judged statistics of one task's rates in all runs: error of the law at the largest size against the mean of its
    runs, and bend, both as shares of the law's change of F, mean over series."""
    task, errors, bends = rates.task.iloc[0], {}, {}
    for series, law in laws.items():
        runs = with_f(rates[rates.series == series])
        errors[series], bends[series] = held_out_mean_error(law, runs), bend_of_change(law, runs)
    found = {"held_out_mean_error": errors, "bend_of_change": bends}
    return [mean_over_series(rates, task, metric, by_series) for metric, by_series in found.items()]


def held_out_mean_error(law: DatasetLaw, runs: pd.DataFrame) -> Estimate:
    """Mean F of the runs at the largest held-out size minus the law's prediction for the mean of so many runs, over the
    range of F that the law covers; interval for two one-sided tests."""
    sizes = held_out_sizes(runs)
    if not sizes:
        return failed("no size is held out")
    measured = runs[runs["size"] == sizes[-1]].f
    at = held_out_mean_f(law.fit, parameters_of(runs, sizes[-1]), len(measured), level=TWO_ONE_SIDED)
    if not at.ok:
        return at
    ends = [float(measured.mean()) - end for end in (at.estimate, at.high, at.low)]
    return scaled(Estimate(*ends, at.status), 1 / f_range(law, runs))


def bend_of_change(law: DatasetLaw, runs: pd.DataFrame) -> Estimate:
    """`bend_share` by least squares on the runs' F, for two one-sided tests."""
    if not law.fit.status.startswith("ok"):
        return failed(law.fit.status)
    found = bend(runs.num_nonembedding_parameters.to_numpy(float), runs.f.to_numpy(), TWO_ONE_SIDED)
    width = float(np.ptp(np.log(runs.num_nonembedding_parameters.to_numpy(float))))
    return scaled(found, width / 4 / abs(law.fit.alpha.estimate)) if found.ok else found


def law_parts(
    rows: pd.DataFrame, pooled: pd.DataFrame, laws: dict[str, DatasetLaw], bends: dict[str, dict[str, Curvature]]
) -> list:
    """Curves, predictions and judged statistics of one task; its test of curvature goes into `bends`."""
    parts, errors, shares, lengths, task = [], {}, {}, {}, rows.task.iloc[0]
    for series, law in laws.items():
        one, counts = rows[rows.series == series], pooled[pooled.series == series]
        parts += [
            curve(law, counts, "task_law"),
            curve(LengthLaw(one, 1.0), counts, "length_law"),
            held_out_rows(law, counts),
        ]
        bends[series][task] = curvature_test(
            *(counts[column].to_numpy() for column in ("num_nonembedding_parameters", "passes", "attempts"))
        )
        errors[series], shares[series] = held_out_error(law, counts), bend_share(bends[series][task], law, counts)
        exponent = LengthLaw(one, "free").exponent
        lengths[series] = Estimate(exponent.estimate - 1, exponent.low - 1, exponent.high - 1, exponent.status)
    judged = {"held_out_error_share": errors, "bend_share": shares, "length_exponent_excess": lengths}
    return [*parts, *(joined_statistic(rows, task, name, by_series, too_far) for name, by_series in judged.items())]


def exact_law_points(passes: pd.DataFrame, task: str, pooled: pd.DataFrame) -> pd.DataFrame:
    """Exact pass rates as measured points, metric `exact_pass_rate`, low and high their certified bounds; no value
    where these lie further apart than MAX_EXACT_RATIO, no points where the task's answers cannot be listed."""
    if not has_method(passes, task, "exact"):
        return pd.DataFrame()
    exact = select_passes(passes, task, method="exact")
    low, high = (pooled.run.map(pd.Series(bound).groupby(exact.run.to_numpy()).mean()) for bound in exact_bounds(exact))
    is_closed = high <= MAX_EXACT_RATIO * low
    points = pooled.assign(
        value=((low + high) / 2).where(is_closed), low=low, high=high, num_censored=0, num_attempts=0
    )
    return point_rows(
        points.assign(status=np.where(is_closed, "ok", "not closed: the exact search met its limit")), "exact_pass_rate"
    )


def curve(law: DatasetLaw | LengthLaw, pooled: pd.DataFrame, metric: str) -> list[dict]:
    """`fit` rows over all sizes with the band of new runs; none where there is no law."""
    sizes = np.geomspace(
        pooled.num_nonembedding_parameters.min() / BEYOND,
        pooled.num_nonembedding_parameters.max() * BEYOND,
        NUM_CURVE_POINTS,
    )
    return [
        {
            "kind": "fit",
            "task": pooled.task.iloc[0],
            "metric": metric,
            "series": pooled.series.iloc[0],
            "num_parameters": size,
            "value": at.estimate,
            "low": at.low,
            "high": at.high,
        }
        for size in sizes
        if (at := law.predict(size)).ok
    ]


def held_out_rows(law: DatasetLaw, pooled: pd.DataFrame) -> list[dict]:
    """`prediction` rows: pass rate of each held-out size; `measured` that of its runs, `num_inside` how many of them
    the interval holds."""
    made = []
    for size in held_out_sizes(pooled):
        runs, at = pooled[pooled["size"] == size], law.predict(parameters_of(pooled, size))
        made.append(
            {
                "kind": "prediction",
                "task": pooled.task.iloc[0],
                "metric": "task_law",
                "series": pooled.series.iloc[0],
                "size": size,
                "value": at.estimate,
                "low": at.low,
                "high": at.high,
                "status": at.status,
                "num_parameters": parameters_of(pooled, size),
                "measured": runs.value.mean(),
                "num_inside": int(((runs.high >= at.low) & (runs.low <= at.high)).sum()),
                "num_runs": len(runs),
            }
        )
    return made


def held_out_error(law: DatasetLaw, pooled: pd.DataFrame) -> Estimate:
    """Measured minus predicted F at the largest held-out size, over the range of F that the law covers from the
    smallest to the largest fitted size."""
    sizes = held_out_sizes(pooled)
    if not sizes:
        return failed("no size is held out")
    predicted = law.predict(parameters_of(pooled, sizes[-1]))
    if not predicted.ok:
        return predicted
    return scaled(difference(to_f(rate_at(pooled, sizes[-1])), to_f(predicted)), 1 / f_range(law, pooled))


def f_range(law: DatasetLaw, pooled: pd.DataFrame) -> float:
    """Change of F over the fitted sizes, by the law (measured F is undefined where nothing passes)."""
    fitted = np.log(pooled.num_nonembedding_parameters[~pooled.is_held_out.astype(bool)].to_numpy(float))
    return abs(law.fit.alpha.estimate) * float(np.ptp(fitted))


def bend_share(test: Curvature, law: DatasetLaw, pooled: pd.DataFrame) -> Estimate:
    """How far the quadratic fit to all sizes leaves its chord in the middle, over the law's change of F: q (w / 2)^2 /
    (alpha w), w the width in log N.
    Negative is accelerated growth."""
    if not test.status.startswith("ok"):
        return failed(test.status.removeprefix("failed: "))
    if not law.fit.status.startswith("ok"):
        return failed(law.fit.status.removeprefix("failed: "))
    width = float(np.ptp(np.log(pooled.num_nonembedding_parameters.to_numpy(float))))
    return scaled(test.quadratic, width / 4 / abs(law.fit.alpha.estimate))


def bend_rows(series: str, tests: dict[str, Curvature]) -> list[dict]:
    """`growth` rows: quadratic term of F with interval, its p-value and the one corrected for the number of tasks
    (Holm), and what follows."""
    return [
        {
            "kind": "growth",
            "task": row.task,
            "metric": "quadratic",
            "series": series,
            "value": row.quadratic,
            "low": row.low,
            "high": row.high,
            "p_value": row.p_value,
            "p_holm": row.p_holm,
            "status": row.growth,
        }
        for row in growth_table(tests).itertuples()
    ]


def alpha_spread(alphas: dict[str, Estimate]) -> Estimate:
    """Standard deviation over tasks of their exponents with sampling noise removed, over their mean: Q-profile interval
    (Viechtbauer 2007)."""
    found = [alpha for alpha in alphas.values() if alpha.ok and np.isfinite([alpha.low, alpha.high]).all()]
    if len(found) < MIN_ALPHAS:
        return failed(f"{len(found)} tasks with a law, needs {MIN_ALPHAS}")
    value = np.array([alpha.estimate for alpha in found])
    noise = np.array([(alpha.high - alpha.low) / (2 * 1.96) for alpha in found]) ** 2

    def weighted_mean(variance: float) -> float:
        return float(np.sum(value / (noise + variance)) / np.sum(1 / (noise + variance)))

    def excess(variance: float, target: float) -> float:
        return float(np.sum((value - weighted_mean(variance)) ** 2 / (noise + variance))) - target

    def root(target: float) -> float:
        top = 100 * float(np.var(value) + noise.max())
        return 0.0 if excess(0.0, target) <= 0 else float(optimize.brentq(excess, 0.0, top, args=(target,)))

    freedom = len(found) - 1
    variances = [root(freedom), root(stats.chi2.ppf(0.975, freedom)), root(stats.chi2.ppf(0.025, freedom))]
    share = [np.sqrt(variance) / abs(weighted_mean(variances[0])) for variance in variances]
    return Estimate(*share, f"ok: {len(found)} of {len(alphas)} tasks with a law")


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
