"""Where the two papers meet: the threshold tasks of paper L (exam, maths, in two languages) with the resolution of
paper P, along the long runs.

Three questions. Above the loss at which accuracy leaves chance, does the pass probability rise already (`slope_above`)?
Does flat, then rising still beat a smooth curve on the scale of F = log(-log p), where a probability counts however
small it is (`log_hinge_advantage`)? And from how far above could the onset have been forecast, from the other runs'
checkpoints alone (`forecast_lead_share`)? The onset to forecast is where the pass probability has come a tenth of the
way from chance to 1, so that for the exam it lies above the 25 % of a guesser.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.forecast import LossCurveComparison, compare_loss_curves, forecast_crossing, forecast_lead
from analysis.intervals import Estimate, failed
from analysis.onset.fit import onset_loss
from experiments.tables.names import THRESHOLD, asked, mixture_column
from experiments.tables.scores import fit_rows, select, size_rows, statistic_row
from experiments.tables.stage import ladder_scores, measure_main
from experiments.tables.task_statistics import NUM_CURVE_POINTS, UNDECIDED_AICC, hinge, loss_range
from experiments.tables.thresholds import checkpoint_rates, threshold_pass_rates
from profiles.paths import Paths

STEM = "ext_threshold_resolution"
CROSSING_SHARE = 0.1  # of the way from chance to 1
TOLERANCE_SHARE = 0.05  # of the loss range
NUM_CUTS = 14
NEAREST_CUT_SHARE = 0.02  # of the loss range, as the next
REACH_SHARE = 0.6  # how far below a cut a forecast looks
MIN_SLOPE_ROWS = 4


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Pass probability of the threshold tasks against loss: slope above the accuracy threshold, hinge or smooth,
    forecasts from above."""
    scores = ladder_scores(paths)
    mixture = scores.drop_duplicates("run").set_index("run").mixture
    parts: list = [size_rows(passes)]
    for task in THRESHOLD:
        points = checkpoint_rates(passes, task)
        points = points.assign(mixture=points.run.map(mixture))
        accuracy = hinge(select(scores, (task,), series="long"), task, asked(scores)[task].metric)[0].eta
        comparison = compare_loss_curves(points.run, points.loss_nats, points.passes, points.attempts)
        forecasts = forecast_rows(points, task)
        parts += [
            checkpoint_points(points),
            fitted_curve_rows(comparison, points, task),
            forecasts,
            [
                left_chance_row(points, task),
                statistic_row(points, task, "accuracy_threshold", accuracy),
                slope_above(points, task, accuracy),
                plateau(points, task, accuracy),
                log_hinge_advantage(comparison, points, task),
                lead_statistic(forecasts, points, task),
            ],
        ]
    return parts


def crossing_level(rows: pd.DataFrame, task: str) -> float:
    """Pass probability whose crossing is forecast."""
    chance = asked(rows)[task].chance
    return chance + CROSSING_SHARE * (1 - chance)


def checkpoint_points(points: pd.DataFrame) -> pd.DataFrame:
    """Checkpoints as rows of a results.csv; num_censored counts items stopped at the cap, method says how they were
    measured."""
    columns = [
        "task",
        "run",
        "series",
        "size",
        "seed",
        "tokens_seen",
        "compute_flops",
        "loss_nats",
        "value",
        "low",
        "high",
        "num_items",
        "status",
        "method",
        "num_censored",
    ]
    return points[[*columns, *mixture_column(points)]].assign(
        kind="checkpoint", metric="pass_rate", seed=points.seed.astype(str)
    )


def left_chance_row(points: pd.DataFrame, task: str) -> dict:
    """1 if any run's pass probability crosses the level lastingly, else 0."""
    crossings = [observed_crossing(run, task) for _, run in points.groupby("run")]
    num_crossed = sum(not crossing.status.startswith("not reached") for crossing in crossings)
    return statistic_row(
        points,
        task,
        "left_chance",
        Estimate(float(num_crossed > 0), np.nan, np.nan, f"ok: {num_crossed} of {len(crossings)} runs cross"),
    )


def observed_crossing(run: pd.DataFrame, task: str) -> Estimate:
    """Loss at which one run's pass probability lastingly crosses the level (analysis/onset/fit.py)."""
    return onset_loss(run.tokens_seen, run.loss_nats, run.value, crossing_level(run, task))


def window(points: pd.DataFrame, accuracy: Estimate) -> pd.DataFrame:
    """Checkpoints between the accuracy threshold and half way up to the first loss."""
    return points[points.loss_nats.between(accuracy.estimate, (accuracy.estimate + loss_range(points)[0]) / 2)]


def slope_above(points: pd.DataFrame, task: str, accuracy: Estimate) -> dict:
    """Statistic row `slope_above`: decades of pass probability per nat of falling loss in the window, mean of the runs'
    slopes with a t interval over runs (over checkpoints where there is one run)."""
    if not accuracy.ok:
        return statistic_row(points, task, "slope_above", failed(f"accuracy: {accuracy.status}"))
    near = window(points, accuracy)
    passed = near[near.value > 0]
    fits = [
        stats.linregress(-run.loss_nats, np.log10(run.value))
        for _, run in passed.groupby("run")
        if run.loss_nats.nunique() >= MIN_SLOPE_ROWS
    ]
    if not fits:
        return statistic_row(
            points,
            task,
            "slope_above",
            failed(f"no run has {MIN_SLOPE_ROWS} checkpoints with a pass between the threshold and half way up"),
        )
    slopes = np.array([fit.slope for fit in fits])
    freedom = len(slopes) - 1 if len(slopes) > 1 else len(passed) - 2
    error = slopes.std(ddof=1) / np.sqrt(len(slopes)) if len(slopes) > 1 else fits[0].stderr
    mean, half = float(slopes.mean()), float(stats.t.ppf(0.975, freedom) * error)
    status = f"ok: {len(slopes)} runs" + (
        f", {len(near) - len(passed)} of {len(near)} checkpoints without a pass left out"
        if len(passed) < len(near)
        else ""
    )
    return statistic_row(passed, task, "slope_above", Estimate(mean, mean - half, mean + half, status), len(passed))


def plateau(points: pd.DataFrame, task: str, accuracy: Estimate) -> dict:
    """Statistic row `plateau_over_chance`: mean pass probability in the window over the chance level; low and high are
    the extremes over runs."""
    near = window(points, accuracy) if accuracy.ok else points.iloc[:0]
    chance = asked(points)[task].chance
    if near.empty or not chance:
        return statistic_row(
            points,
            task,
            "plateau_over_chance",
            failed("no checkpoint between the accuracy threshold and half way up, or a chance of 0"),
        )
    ratios = near.groupby("run").value.mean() / chance
    return statistic_row(
        near,
        task,
        "plateau_over_chance",
        Estimate(float(ratios.mean()), float(ratios.min()), float(ratios.max())),
        len(near),
    )


def log_hinge_advantage(comparison: LossCurveComparison, points: pd.DataFrame, task: str) -> dict:
    """Statistic row `log_hinge_advantage`: AICc of the best smooth curve of F minus that of the best hinge, +- 2."""
    if not comparison.status.startswith("ok"):
        return statistic_row(points, task, "log_hinge_advantage", failed(comparison.status.removeprefix("failed: ")))
    value, best = comparison.hinge_advantage, comparison.table.groupby("is_hinge").curve.first()
    estimate = Estimate(
        value, value - UNDECIDED_AICC, value + UNDECIDED_AICC, f"ok: {best[True]} against {best[False]}"
    )
    return statistic_row(points, task, "log_hinge_advantage", estimate, len(points))


def fitted_curve_rows(comparison: LossCurveComparison, points: pd.DataFrame, task: str) -> pd.DataFrame:
    """The best hinge and the best smooth curve as `fit` rows over the loss range."""
    if comparison.table.empty:
        return pd.DataFrame()
    loss = np.geomspace(points.loss_nats.max(), points.loss_nats.min(), NUM_CURVE_POINTS)
    best = comparison.table[comparison.table.status == "ok"].groupby("is_hinge").first()
    return pd.concat(
        [
            fit_rows(
                task, "hinge" if is_hinge else "smooth", loss, np.exp(-np.exp(np.minimum(row.fit.predict_f(loss), 6.0)))
            )
            for is_hinge, row in best.iterrows()
        ]
    )


def forecast_rows(points: pd.DataFrame, task: str) -> pd.DataFrame:
    """Rows of kind `forecast`, one per run left out and cut: loss_nats is the cut above which the other runs'
    checkpoints were used, value, low, high the forecast of the crossing, observed the crossing of the run left out,
    loss_range what shares refer to. Cuts lie closer together near the crossing.
    """
    rows, (first, lowest) = [], loss_range(points)
    span = first - lowest
    for run, left_out in points.groupby("run"):
        observed, others = observed_crossing(left_out, task), points[points.run != run]
        furthest = first - 0.1 * span - observed.estimate
        if not observed.ok or others.empty or furthest < 0.1 * span:
            continue
        about = {
            "kind": "forecast",
            "task": task,
            "metric": "crossing",
            "run": run,
            "series": "long",
            "size": left_out["size"].iloc[0],
            "seed": str(left_out.seed.iloc[0]),
            "observed": observed.estimate,
            "loss_range": span,
        }
        for cut in observed.estimate + np.geomspace(NEAREST_CUT_SHARE * span, furthest, NUM_CUTS):
            forecast = forecast_crossing(
                others.loss_nats,
                others.passes,
                others.attempts,
                crossing_level(others, task),
                cut,
                cut - REACH_SHARE * span,
            )
            rows.append(
                about
                | {
                    "loss_nats": cut,
                    "value": forecast.estimate,
                    "low": forecast.low,
                    "high": forecast.high,
                    "status": forecast.status,
                }
            )
    return pd.DataFrame(rows)


def lead_statistic(forecasts: pd.DataFrame, points: pd.DataFrame, task: str) -> dict:
    """Statistic row `forecast_lead_share`: mean over the runs left out of the distance above the crossing from which on
    forecasts err by at most TOLERANCE_SHARE, both as shares of the loss range; low and high are the extremes over
    runs."""
    if forecasts.empty:
        return statistic_row(
            points,
            task,
            "forecast_lead_share",
            failed("no run crosses the level late enough, or there is one run only"),
        )
    leads = []
    for _, run in forecasts.groupby("run"):
        span, observed = run.loss_range.iloc[0], run.observed.iloc[0]
        leads.append(
            forecast_lead(run.loss_nats.to_numpy(), (run.value - observed).to_numpy(), observed, TOLERANCE_SHARE * span)
            / span
        )
    estimate = Estimate(
        float(np.mean(leads)), float(np.min(leads)), float(np.max(leads)), f"ok: {len(leads)} runs left out"
    )
    return statistic_row(points, task, "forecast_lead_share", estimate, len(forecasts))


if __name__ == "__main__":
    measure_main(STEM, measure, threshold_pass_rates)
