"""The numbers that several passuntil_* folders need: differences of two estimates, predictions of the task law with and
without the answer's length, and how the series of a profile are joined into the one statistic that a claim is judged
by."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed, from_replicates
from analysis.task_law.fit import TaskLawFit, fit_task_law, pass_rate
from experiments.tables.passes import pooled_rates
from experiments.tables.scores import statistic_row

MAX_LENGTH_GROUPS = 4


def to_f(rate: Estimate) -> Estimate:
    """F = log(-log rate), which falls as the rate rises; "failed" where the rate is 0 or 1 or has no number."""
    if not rate.ok:
        return rate
    if not 0 < rate.estimate < 1:
        return failed(f"F is undefined at a pass rate of {rate.estimate:g}")
    with np.errstate(divide="ignore"):
        middle, high, low = np.log(-np.log([rate.estimate, rate.low, rate.high]))
    return Estimate(float(middle), float(low), float(high), rate.status)


def to_log(rate: Estimate) -> Estimate:
    """Natural logarithm of a rate; "failed" where it is 0 or has no number."""
    if not rate.ok:
        return rate
    if not rate.estimate > 0:
        return failed("no pass")
    with np.errstate(divide="ignore"):
        middle, low, high = np.log([rate.estimate, rate.low, rate.high])
    return Estimate(float(middle), float(low), float(high), rate.status)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """first - second for two independent estimates; the interval is put together from theirs (MOVER, Zou and Donner
    2008)."""
    for estimate in (first, second):
        if not estimate.ok:
            return estimate
    middle = first.estimate - second.estimate
    low = middle - np.hypot(first.estimate - first.low, second.high - second.estimate)
    high = middle + np.hypot(first.high - first.estimate, second.estimate - second.low)
    notes = "; ".join(
        dict.fromkeys(
            part.status.removeprefix("ok").removeprefix(": ") for part in (first, second) if part.status != "ok"
        )
    )
    return Estimate(middle, float(low), float(high), f"ok: {notes}" if notes else "ok")


def mean_of(estimates: list[Estimate]) -> Estimate:
    """Mean of independent estimates with the interval put together from theirs, as in `difference`."""
    if lost := [estimate for estimate in estimates if not estimate.ok]:
        return lost[0]
    values, lows, highs = (
        np.array([getattr(estimate, name) for estimate in estimates]) for name in ("estimate", "low", "high")
    )
    middle = float(values.mean())
    below, above = (float(np.sqrt(np.sum(gap**2))) / len(values) for gap in (values - lows, highs - values))
    return Estimate(middle, middle - below, middle + above, estimates[0].status)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """factor times the estimate; a negative factor swaps the ends."""
    ends = sorted((factor * estimate.low, factor * estimate.high))
    return Estimate(factor * estimate.estimate, *ends, estimate.status)


def rate_at(pooled: pd.DataFrame, size: str) -> Estimate:
    """Measured pass rate of a size: mean over its runs, with their sampling intervals put together."""
    rows = pooled[pooled["size"] == size]
    return mean_of([Estimate(row.value, row.low, row.high, row.status) for row in rows.itertuples()])


def held_out_sizes(pooled: pd.DataFrame) -> list[str]:
    """Sizes held out of the fits, smallest first."""
    return list(dict.fromkeys(pooled[pooled.is_held_out].sort_values("num_nonembedding_parameters")["size"]))


def parameters_of(pooled: pd.DataFrame, size: str) -> float:
    """Non-embedding parameters of a size."""
    return float(pooled.loc[pooled["size"] == size, "num_nonembedding_parameters"].iloc[0])


class DatasetLaw:
    """The task law on the pass rates of a data set without its held-out sizes (paper P, Eq. 4: no answer length)."""

    def __init__(self, pooled: pd.DataFrame):
        fitted = pooled[~pooled.is_held_out.astype(bool)]
        self.fit: TaskLawFit = fit_task_law(
            fitted.num_nonembedding_parameters.to_numpy(),
            fitted.passes.to_numpy(),
            fitted.attempts.to_numpy(),
            length_exponent=0.0,
        )

    def predict(self, num_parameters: float) -> Estimate:
        """Pass rate of a new run of this size."""
        return (
            self.fit.predict(num_parameters) if self.fit.status.startswith("ok") else failed(_reason(self.fit.status))
        )


class LengthLaw:
    """The task law with the answer's length in it (Eq. 3): rows are runs x groups of items of like length;
    length_exponent 1 (as derived) or "free"."""

    def __init__(self, rows: pd.DataFrame, length_exponent: float | str):
        groups = length_groups(rows)
        counts = rows.drop_duplicates("item_id").assign(group=lambda items: groups[items.item_id].to_numpy())
        self.weights = counts.groupby("group").size().to_numpy() / len(counts)
        self.lengths = np.exp(np.log(counts.answer_tokens).groupby(counts.group).mean().to_numpy())
        self.fit, self.status = None, "failed: all answers have one length"
        if len(self.lengths) > 1:
            fitted = rows[~rows.is_held_out.astype(bool)]
            parts = [
                pooled_rates(fitted[fitted.item_id.map(groups) == group]).assign(length=length)
                for group, length in enumerate(self.lengths)
            ]
            table = pd.concat(parts)
            self.fit = fit_task_law(
                *(
                    table[column].to_numpy()
                    for column in ("num_nonembedding_parameters", "passes", "attempts", "length")
                ),
                length_exponent,
            )
            self.status = self.fit.status

    @property
    def exponent(self) -> Estimate:
        """Fitted exponent of the length."""
        return self.fit.length_exponent if self.status.startswith("ok") else failed(_reason(self.status))

    def predict(self, num_parameters: float, seed: int = 0) -> Estimate:
        """Mean pass rate of all items for a new run of this size: the groups' rates, weighted by their items, with one
        run effect for all of them."""
        if not self.status.startswith("ok"):
            return failed(_reason(self.status))
        fit = self.fit
        log_c, alpha, exponent, noise = fit.draws.T[:, :, None]
        shift = noise * np.random.default_rng(seed).normal(size=noise.shape)
        replicates = pass_rate(num_parameters, log_c + shift, alpha, self.lengths, exponent) @ self.weights
        point = (fit.log_c.estimate, fit.alpha.estimate, self.lengths, fit.length_exponent.estimate)
        return from_replicates(float(pass_rate(num_parameters, *point) @ self.weights), replicates, freedom=fit.freedom)


def length_groups(rows: pd.DataFrame) -> pd.Series:
    """Group number of each item_id, by the length of its answer: at most MAX_LENGTH_GROUPS groups of like number of
    items, never splitting a length."""
    items = rows.drop_duplicates("item_id").set_index("item_id").answer_tokens
    share = items.rank(method="max", pct=True)
    return np.ceil(share * MAX_LENGTH_GROUPS).rank(method="dense").astype(int) - 1


def _reason(status: str) -> str:
    return status.removeprefix("failed: ")


def least_met(by_series: Mapping[str, Estimate], shortfall: Callable[[float], float]) -> Estimate:
    """The estimate of the series that meets a criterion least: largest shortfall(value). A series without a number
    leaves none for all."""
    lost = [
        (series, estimate)
        for series, estimate in by_series.items()
        if not estimate.ok or not np.isfinite(estimate.estimate)
    ]
    if lost:
        series, estimate = lost[0]
        return failed(_reason(estimate.status) + (f" (series {series})" if len(by_series) > 1 else ""))
    series, estimate = max(by_series.items(), key=lambda pair: shortfall(pair[1].estimate))
    if len(by_series) == 1:
        return estimate
    return Estimate(
        estimate.estimate,
        estimate.low,
        estimate.high,
        f"{estimate.status}{',' if ':' in estimate.status else ':'} series {series}",
    )


def too_low(value: float) -> float:
    """Shortfall under an at_least criterion."""
    return -value


def too_high(value: float) -> float:
    """Shortfall under an at_most criterion."""
    return value


def too_far(value: float) -> float:
    """Shortfall under a within criterion."""
    return abs(value)


def joined_statistic(
    rows: pd.DataFrame, task: str, metric: str, by_series: Mapping[str, Estimate], shortfall: Callable[[float], float]
) -> list[dict]:
    """The statistic row that a claim is judged by, and one row of kind `series_statistic` per series; `rows` have the
    columns series and seed."""
    joined = statistic_row(rows, task, metric, least_met(by_series, shortfall))
    single = [
        statistic_row(rows[rows.series == series], task, metric, estimate)
        | {"kind": "series_statistic", "series": series}
        for series, estimate in by_series.items()
    ]
    return [joined, *single]
