"""The numbers that several figures need of one task: threshold, flat part, gain, largest jump. The fits live in
analysis/; here they are asked of a table.

`rows` is always one task under one metric, all checkpoints of some runs.
"""

import numpy as np
import pandas as pd

from analysis.growth import chance_span, jump_share
from analysis.intervals import Estimate, failed
from analysis.onset.fit import onset_by_run
from analysis.onset.shapes import CRITERION_DECIMALS, ShapeComparison, compare_shapes
from analysis.onset.threshold import HingeFit, fit_hinge
from experiments.tables.names import asked, chance_of
from experiments.tables.scores import fit_rows, statistic_row

NUM_CURVE_POINTS = 120
# Differences in AICc below 2 do not tell models apart (Burnham and Anderson 2002, section 2.6).
UNDECIDED_AICC = 2.0


def above_chance(rows: pd.DataFrame, task: str) -> np.ndarray:
    """Scores [n] with those under chance lifted to it, for open-form tasks only: a model that cannot yet write an
    answer scores 0, less than a guesser who knows the answer's form, and claims.yaml counts that as chance. Choice
    tasks stay as they are."""
    value = rows.value.to_numpy(float)
    about = asked(rows)[task]
    return np.maximum(value, about.chance) if about.answer_form == "open" else value


def left_chance(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `left_chance`: 1 if any run's interval over items ends lastingly above chance, else 0."""
    onsets = onset_by_run(rows, asked(rows)[task].chance)
    num_left = int((onsets.status != "not reached").sum())
    return statistic_row(
        rows,
        task,
        "left_chance",
        Estimate(float(num_left > 0), np.nan, np.nan, f"ok: {num_left} of {len(onsets)} runs left chance"),
    )


def left_chance_at_the_end(rows: pd.DataFrame, task: str) -> dict:
    """The same for a table that holds one checkpoint per run: 1 if at least two runs' intervals lie above chance."""
    num_left = int((rows.low > asked(rows)[task].chance).sum())
    return statistic_row(
        rows,
        task,
        "left_chance",
        Estimate(float(num_left > 1), np.nan, np.nan, f"ok: {num_left} of {len(rows)} runs above chance"),
    )


def loss_range(rows: pd.DataFrame) -> tuple[float, float]:
    """(loss of the first evaluated checkpoint, loss of the best one), nats per token; the first is the mean over
    runs."""
    first = rows.sort_values("tokens_seen").groupby("run").loss_nats.first()
    return float(first.mean()), float(rows.loss_nats.min())


def flat_part(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `chance_share`: mean over runs of the share of the loss range spent at chance; low and high are the
    extremes over runs of the bracketing checkpoints. A run that was somewhere else than at chance before its onset
    pulls `low` to 0."""
    span, chance = loss_range(rows), asked(rows)[task].chance
    parts = [
        chance_span(run.tokens_seen, run.loss_nats, above_chance(run, task), chance, run.num_items, loss_range=span)
        for _, run in rows.groupby("run")
    ]
    usable = [part for part in parts if part.status.startswith("ok")]
    if not usable:
        return statistic_row(rows, task, "chance_share", failed(parts[0].status.removeprefix("failed: ")))
    astray = len(parts) - len(usable)
    low = 0.0 if astray else min(part.span_share.low for part in usable)
    mean = float(np.mean([part.span_share.estimate for part in usable]))
    status = "ok" + (f": {astray} of {len(parts)} runs not at chance before the onset" if astray else "")
    return statistic_row(
        rows, task, "chance_share", Estimate(mean, low, max(part.span_share.high for part in usable), status)
    )


def gain_points(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `gain_points`: points above chance at the checkpoint with the lowest loss, interval over its
    items."""
    best, chance = rows.loc[rows.loss_nats.idxmin()], asked(rows)[task].chance
    points = [100 * (number - chance) for number in (best.value, best.low, best.high)]
    return statistic_row(rows, task, "gain_points", Estimate(*points), int(best.num_items))


def largest_jump(rows: pd.DataFrame, task: str, num_replicates: int = 500) -> dict:
    """Statistic row `largest_jump_share`: the largest share of a run's gain between two neighbouring checkpoints, mean
    over runs.

    Item noise is independent between runs, so the half-widths of the runs' intervals add in squares."""
    jumps = [
        jump_share(run.tokens_seen, run.loss_nats, run.value, num_items=run.num_items, num_replicates=num_replicates)
        for _, run in rows.groupby("run")
    ]
    shares = [jump.share for jump in jumps if jump.status == "ok"]
    if not shares:
        return statistic_row(rows, task, "largest_jump_share", failed("no run gains more than its item noise"))
    mean = float(np.mean([share.estimate for share in shares]))
    below, above = (
        float(np.sqrt(np.sum(np.square(half)))) / len(shares)
        for half in (
            [share.estimate - share.low for share in shares],
            [share.high - share.estimate for share in shares],
        )
    )
    return statistic_row(
        rows,
        task,
        "largest_jump_share",
        Estimate(mean, mean - below, mean + above, f"ok: {len(shares)} of {len(jumps)} runs"),
    )


def hinge(rows: pd.DataFrame, task: str, metric: str, shape: str | None = None) -> tuple[HingeFit, list[dict]]:
    """Fit the hinge of Eq. 3 to all rows of the task. Returns the fit and the statistic rows `onset_loss`, and
    `hinge_advantage` where the metric is a share of
    items: AICc of the best smooth curve minus that of the best hinge. The hinge's shape is the closest one
    (closest_hinge) unless `shape` names it.

    The Brier score is turned round before the fit, and counts only below that of an even guess (paper L, Appendix C).
    """
    is_share = metric in ("accuracy", "exact_match")
    value, chance = (
        above_chance(rows, task) if is_share else rows.value.to_numpy(),
        chance_of(task, metric, asked(rows)),
    )
    if metric == "brier_score":
        value, chance = -np.minimum(value, chance), -chance
    runs, loss, items = (
        rows.lineage.to_numpy(),
        rows.loss_nats.to_numpy(),
        rows.num_items.to_numpy() if is_share else None,
    )
    statistics = []
    if shape is None:
        comparison = compare_shapes(runs, loss, value, chance, items)
        advantage = comparison.hinge_advantage_aicc
        estimate = failed(comparison.status)
        if comparison.status == "ok":
            estimate = Estimate(
                advantage, advantage - UNDECIDED_AICC, advantage + UNDECIDED_AICC, f"ok: best shape {comparison.best}"
            )
        statistics.append(statistic_row(rows, task, "hinge_advantage", estimate))
        shape = closest_hinge(comparison)
    fit = fit_hinge(runs, loss, value, chance, items, shape=shape, is_shape_known=True)
    return fit, [statistic_row(rows, task, "onset_loss", fit.eta), *statistics]


def closest_hinge(comparison: ShapeComparison) -> str:
    """The hinge whose eta is quoted: lowest deviance over variance inflation plus twice its parameters. AICc, which
    ranks hinges against smooth curves, is not
    used: with few runs its penalty leaves only the straight line, whose eta is far off where a task saturates."""
    table = comparison.table
    hinges = table[table.is_hinge & np.isfinite(table.deviance)] if len(table) else table
    if hinges.empty:
        return "hinge_linear"
    criterion = (hinges.deviance / comparison.variance_inflation + 2 * hinges.num_params).round(CRITERION_DECIMALS)
    return str(hinges["shape"].iloc[int(np.argmin(criterion))])


def hinge_curve(fit: HingeFit, rows: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """The fitted hinge as `fit` rows over the loss range of `rows`; none where no threshold was found."""
    if not fit.eta.ok:
        return pd.DataFrame()
    sign = -1.0 if metric == "brier_score" else 1.0
    loss = np.geomspace(rows.loss_nats.max(), rows.loss_nats.min(), NUM_CURVE_POINTS)
    return fit_rows(task, metric, loss, sign * fit.predict(loss, sign * chance_of(task, metric, asked(rows))))
