"""The numbers that paper P's claims are judged by, on counts of passes per item and model size.

rows: columns num_parameters, item, passes, attempts (and answer_loss for one statistic), one row per item and size, the
same items at every size, one run a size. F = log(-log PU). The num_held_out largest sizes are held out of every fit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, bootstrap_items, failed, from_replicates, wilson
from analysis.task_law.counts import effective_counts, fit_counts
from analysis.task_law.fit import TaskLawFit, curvature_test, fit_task_law
from analysis.task_law.instance_law import fit_instance_law

MIN_FITTED, MIN_LAW_SIZES, MIN_ITEMS = 3, 4, 10
MANY_SAMPLES = 10_000
NUM_ITEM_DRAWS, NUM_POSTERIOR_DRAWS, NUM_REPLICATES = 100, 200, 300


@dataclass(frozen=True)
class PassTable:
    """Counts as arrays over items [M] and sizes [n], smallest first; answer_loss [M, n] nats or None; the last
    num_held_out sizes are predicted, not fitted."""

    size: np.ndarray
    passes: np.ndarray
    attempts: np.ndarray
    answer_loss: np.ndarray | None
    num_held_out: int

    @property
    def rates(self) -> np.ndarray:
        """Pass rates [M, n]."""
        return self.passes / self.attempts

    @property
    def fitted(self) -> slice:
        """The sizes that are fitted."""
        return slice(0, len(self.size) - self.num_held_out)

    @property
    def f(self) -> np.ndarray:
        """F of each item [M, n]; nan where nothing or every attempt passed."""
        inside = (self.passes > 0) & (self.passes < self.attempts)
        return np.where(inside, np.log(-np.log(np.where(inside, self.rates, 0.5))), np.nan)

    def pooled(self, items: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """(passes, attempts) [n] that stand for the mean rate over items and the variance of its sampling."""
        rates, attempts = self.rates[items], self.attempts[items]
        variance = (rates * (1 - rates) / attempts).sum(axis=0) / len(rates) ** 2
        return effective_counts(rates.mean(axis=0), variance, attempts.sum(axis=0))


def pass_table(rows: pd.DataFrame, num_held_out: int) -> PassTable:
    """The arrays of a table with one row per item and size. ValueError names missing columns, a repeated or missing
    item, counts that are none, and a held-out number that leaves fewer than MIN_FITTED sizes."""
    needed = ["num_parameters", "item", "passes", "attempts"]
    if absent := [name for name in needed if name not in rows]:
        raise ValueError(f"columns {', '.join(absent)}: missing; a table of passes needs {', '.join(needed)}")
    twice = rows[rows.duplicated(["num_parameters", "item"])]
    if len(twice):
        item, size = twice["item"].iloc[0], twice.num_parameters.iloc[0]
        raise ValueError(f"item {item} stands twice at size {size:g}; keep one run a size, or add up its counts")
    wrong = ~(rows.passes >= 0) | ~(rows.passes <= rows.attempts) | ~(rows.attempts > 0)
    if wrong.any():
        item, passes, attempts = (rows.loc[wrong, name].iloc[0] for name in ("item", "passes", "attempts"))
        raise ValueError(f"item {item}: {passes} passes of {attempts} attempts are no counts")
    wanted = ["passes", "attempts", *(["answer_loss"] if "answer_loss" in rows else [])]
    tables = {name: rows.pivot(index="item", columns="num_parameters", values=name) for name in wanted}
    if tables["passes"].isna().any(axis=None):
        item, size = next(zip(*np.nonzero(tables["passes"].isna().to_numpy())))
        table = tables["passes"]
        raise ValueError(f"item {table.index[item]} is missing at size {table.columns[size]:g}; every size needs it")
    size = tables["passes"].columns.to_numpy(float)
    if num_held_out < 1 or len(size) - num_held_out < MIN_FITTED:
        raise ValueError(f"{len(size)} sizes, {num_held_out} held out: needs 1 or more, and {MIN_FITTED} to fit")
    arrays = {name: table.to_numpy(float) for name, table in tables.items()}
    return PassTable(size, arrays["passes"], arrays["attempts"], arrays.get("answer_loss"), num_held_out)


def _law(table: PassTable) -> TaskLawFit:
    passes, attempts = table.pooled()
    return fit_task_law(
        table.size[table.fitted],
        passes[table.fitted],
        attempts[table.fitted],
        length_exponent=0.0,
        num_replicates=NUM_REPLICATES,
    )


def _hidden(table: PassTable) -> np.ndarray:
    """Sizes at which one attempt at each item more likely than not passes none."""
    with np.errstate(divide="ignore"):
        return np.flatnonzero(np.log1p(-table.rates).sum(axis=0) >= np.log(0.5))


def _rate(table: PassTable, place: int) -> Estimate:
    passes, attempts = (column[place : place + 1] for column in table.pooled())
    low, high = wilson(passes, attempts)
    return Estimate(float(passes[0] / attempts[0]), float(low[0]), float(high[0]))


def _decades_resolved(table: PassTable) -> Estimate:
    hidden = _hidden(table)
    if not len(hidden):
        return failed("no size is hidden from a conventional test")
    seen = [rate for place in hidden if (rate := _rate(table, place)).low > 0]
    if not seen:
        return Estimate(0.0, 0.0, 0.0, f"ok: none of {len(hidden)} hidden sizes is distinguished from zero")
    least = min(seen, key=lambda rate: rate.estimate)
    ends = [float(-np.log10(end * len(table.passes))) for end in (least.estimate, least.high, least.low)]
    return Estimate(*ends, f"ok: {len(seen)} of {len(hidden)} hidden sizes")


def _hidden_rise(table: PassTable) -> Estimate:
    hidden = _hidden(table)
    if len(hidden) < 2:
        return failed(f"{len(hidden)} sizes hidden from a conventional test, needs 2")
    bottom, top = _rate(table, hidden[0]), _rate(table, hidden[-1])
    if not top.estimate > 0:
        return Estimate(0.0, 0.0, 0.0, "ok: no pass at any hidden size")
    with np.errstate(divide="ignore"):
        logs = np.log10([[rate.low, rate.estimate, rate.high] for rate in (bottom, top)])
    # A smallest size without a pass enters with its upper end: the rise is then at least what is stated.
    logs[0] = logs[0] if np.isfinite(logs[0, 1]) else logs[0, 2]
    middle = logs[1, 1] - logs[0, 1]
    low = middle - np.hypot(logs[1, 1] - logs[1, 0], logs[0, 2] - logs[0, 1])
    high = middle + np.hypot(logs[1, 2] - logs[1, 1], logs[0, 1] - logs[0, 0])
    return Estimate(float(middle), float(low), float(high))


def _passed(table: PassTable) -> Estimate:
    attempts, passes = table.attempts[:, -1], table.passes[:, -1]
    if attempts.min() < MANY_SAMPLES:
        return failed(f"{attempts.min():g} attempts at an item, needs {MANY_SAMPLES}")
    expected = 1 - (1 - passes / attempts) ** MANY_SAMPLES
    return bootstrap_items(np.mean, np.where(attempts == MANY_SAMPLES, passes > 0, expected))


def _held_out_error(table: PassTable) -> Estimate:
    law, size = _law(table), table.size
    at = law.predict(size[-1])
    if not at.ok:
        return at
    span = abs(law.alpha.estimate) * float(np.ptp(np.log(size[table.fitted])))
    # F falls as the rate rises, so the ends change places.
    predicted, high, low = np.log(-np.log([at.estimate, at.low, at.high]))
    measured = np.log(-np.log(table.rates[:, -1].mean()))
    return Estimate(*(float((measured - end) / span) for end in (predicted, high, low)), at.status)


def _bend(table: PassTable) -> Estimate:
    law, test = _law(table), curvature_test(table.size, *table.pooled(), num_replicates=NUM_REPLICATES)
    if not (test.quadratic.ok and np.isfinite(law.alpha.estimate)):
        return test.quadratic if not test.quadratic.ok else failed(law.status)
    factor = float(np.ptp(np.log(table.size))) / 4 / abs(law.alpha.estimate)
    return Estimate(*(factor * end for end in (test.quadratic.estimate, test.quadratic.low, test.quadratic.high)))


def _deviation(table: PassTable) -> Estimate:
    at, measured = _law(table).predict(table.size[-1]), table.rates[:, -1].mean()
    return Estimate(*(100 * (end / measured - 1) for end in (at.estimate, at.low, at.high)), at.status)


def _draws(num_items: int) -> np.ndarray:
    """All items, then bootstrap draws of them [1 + R, M]."""
    drawn = np.random.default_rng(0).integers(num_items, size=(NUM_ITEM_DRAWS, num_items))
    return np.vstack([np.arange(num_items), drawn])


def _dataset_rates(table: PassTable, drawn: np.ndarray) -> np.ndarray:
    """Rate of the largest size by the data set's law, refitted to each draw of items [R]."""
    counts = [np.array(part)[:, table.fitted] for part in zip(*(table.pooled(items) for items in drawn))]
    log_size = np.log(table.size[table.fitted])
    design = np.column_stack([np.ones(len(log_size)), log_size.mean() - log_size])
    fit = fit_counts(design, np.zeros(len(log_size)), *counts)
    f = fit.theta @ np.array([1.0, log_size.mean() - np.log(table.size[-1])])
    return np.where(fit.converged, np.exp(-np.exp(f)), np.nan)


def _instance_rates(table: PassTable, drawn: np.ndarray) -> np.ndarray:
    rates = np.full(len(drawn), np.nan)
    for place, items in enumerate(drawn):
        law = fit_instance_law(
            table.size[table.fitted], table.passes[items][:, table.fitted], table.attempts[items][:, table.fitted]
        )
        if law.status.startswith("ok"):
            rates[place] = law.predict_items(table.size[-1], NUM_POSTERIOR_DRAWS).mean()
    return rates


def _by_items(rates: Callable[[PassTable, np.ndarray], np.ndarray]) -> Callable[[PassTable], Estimate]:
    """Deviation in percent with an interval over items: of these runs, not of other runs of these sizes."""

    def deviation(table: PassTable) -> Estimate:
        drawn = _draws(len(table.passes))
        found = 100 * (rates(table, drawn) / table.rates[drawn, -1].mean(axis=1) - 1)
        return from_replicates(float(found[0]), found[1:]) if np.isfinite(found[0]) else failed("no law")

    return deviation


def _advantage(table: PassTable) -> Estimate:
    drawn = _draws(len(table.passes))
    measured = np.log(table.rates[drawn, -1].mean(axis=1))
    with np.errstate(divide="ignore"):
        errors = [np.abs(np.log(of(table, drawn)) - measured) for of in (_dataset_rates, _instance_rates)]
    gap = errors[0] - errors[1]
    return from_replicates(float(gap[0]), gap[1:]) if np.isfinite(gap[0]) else failed("no law")


def _item_r2(table: PassTable) -> Estimate:
    x, shares = np.log(table.size), []
    for f in table.f:
        seen = np.isfinite(f)
        if seen.sum() >= MIN_LAW_SIZES and np.ptp(f[seen]) > 0:
            shares.append(np.corrcoef(x[seen], f[seen])[0, 1] ** 2)
    if len(shares) < MIN_ITEMS:
        return failed(f"{len(shares)} items have F at {MIN_LAW_SIZES} sizes, needs {MIN_ITEMS}")
    return bootstrap_items(np.median, np.array(shares)).noted(f"{len(shares)} of {len(table.f)} items")


def _exponents(table: PassTable) -> Estimate:
    law = fit_instance_law(table.size, table.passes, table.attempts)
    if not law.status.startswith("ok"):
        return failed(law.status)

    def spread(alpha: np.ndarray, variance: np.ndarray) -> float:
        return float(np.sqrt(np.mean((alpha - alpha.mean()) ** 2 + variance)) / alpha.mean())

    return bootstrap_items(spread, law.theta[:, 1], law.covariance[:, 1, 1])


def _loss_rank(table: PassTable) -> Estimate:
    if table.answer_loss is None:
        raise ValueError("the rank correlation with the answer's loss needs the column of that loss")
    used = [column for column in range(len(table.size)) if np.isfinite(table.f[:, column]).sum() >= MIN_ITEMS]
    if not used:
        return failed(f"no size has {MIN_ITEMS} items with F")

    def mean_rank(f: np.ndarray, loss: np.ndarray) -> float:
        ranks = []
        for column in used:
            seen = np.isfinite(f[:, column])
            if seen.sum() >= 3:
                ranks.append(stats.spearmanr(f[seen, column], loss[seen, column])[0])
        return float(np.nanmean(ranks)) if ranks else np.nan

    return bootstrap_items(mean_rank, table.f, table.answer_loss, num_replicates=NUM_REPLICATES)


@dataclass(frozen=True)
class PassStatistic:
    """unit: what the number is; compute: PassTable -> Estimate."""

    unit: str
    compute: Callable[[PassTable], Estimate]


PASS_STATISTICS: Mapping[str, PassStatistic] = {
    "decades_resolved": PassStatistic("decades below one over the number of items", _decades_resolved),
    "hidden_rise_decades": PassStatistic("decades by which the rate rises over hidden sizes", _hidden_rise),
    "share_passed_10000": PassStatistic("share of items passed within 10 000 samples by the largest model", _passed),
    "held_out_error_share": PassStatistic("measured minus predicted F over the fitted range of F", _held_out_error),
    "bend_share": PassStatistic("bend of F as a share of its change", _bend),
    "dataset_deviation_percent": PassStatistic("predicted over measured rate minus 1, %, of a new run", _deviation),
    "dataset_deviation_of_these_runs": PassStatistic(
        "predicted over measured rate minus 1, %, interval over items", _by_items(_dataset_rates)
    ),
    "instance_deviation_percent": PassStatistic("the same by the laws of single items", _by_items(_instance_rates)),
    "instance_advantage": PassStatistic("data set's minus items' error in log pass rate", _advantage),
    "item_law_r2": PassStatistic("median over items of R^2 of the item's law", _item_r2),
    "exponent_spread": PassStatistic("SD over items of alpha, over its mean", _exponents),
    "loss_rank": PassStatistic("rank correlation over items of answer loss and F", _loss_rank),
}


def pass_statistic(name: str, table: PassTable) -> Estimate:
    """One statistic of PASS_STATISTICS. ValueError for an unknown name."""
    if name not in PASS_STATISTICS:
        raise ValueError(f"{name}: no statistic of a table of passes; use {', '.join(PASS_STATISTICS)}")
    return PASS_STATISTICS[name].compute(table)
