"""The numbers that paper P's claims on the loss are judged by: final losses of one series over model size.

rows: columns num_parameters and loss_nats, one row per run at one token budget (or one multiple of its size). The
num_held_out largest sizes are held out of the fit that predicts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, failed, from_replicates
from analysis.task_law.loss_law import fit_loss_law, loss_at_size

NUM_PARAMS = 3  # of the law: L_inf, N0, alpha
NO_RELATION = "failed: size does not explain loss"  # analysis.task_law.loss_law's words


def _unexplained(size: np.ndarray, loss: np.ndarray, num_held_out: int) -> Estimate:
    law = fit_loss_law(size, loss, num_replicates=2)
    if law.status.startswith(NO_RELATION):
        return Estimate(1.0, np.nan, np.nan, "ok: size does not explain the loss")
    if not law.status.startswith("ok"):
        return failed(law.status)
    freedom = len(loss) - NUM_PARAMS
    residual, total = float(np.sum((loss - law.predict(size)) ** 2)), float(np.var(loss, ddof=1))
    ends = residual / stats.chi2.ppf([0.975, 0.025], freedom) / total
    return Estimate(residual / freedom / total, float(ends[0]), float(ends[1]))


def _held_out(size: np.ndarray, loss: np.ndarray, num_held_out: int) -> Estimate:
    sizes = np.unique(size)
    fitted = size < sizes[len(sizes) - num_held_out]
    law = fit_loss_law(size[fitted], loss[fitted])
    if not law.status.startswith("ok"):
        return failed(law.status)
    freedom = max(int(fitted.sum()) - NUM_PARAMS, 1)
    scatter = np.sqrt(np.sum((loss[fitted] - law.predict(size[fitted])) ** 2) / freedom)
    noise = scatter * np.random.default_rng(0).normal(size=len(law.draws))
    at = from_replicates(
        float(law.predict(sizes[-1:])[0]), loss_at_size(sizes[-1], *law.draws.T) + noise, freedom=freedom
    )
    span, measured = float(np.ptp(loss[fitted])), float(loss[size == sizes[-1]].mean())
    return Estimate(*((measured - end) / span for end in (at.estimate, at.high, at.low)), at.status)


@dataclass(frozen=True)
class LossStatistic:
    """unit: what the number is; compute: (sizes, losses, num_held_out) -> Estimate."""

    unit: str
    compute: Callable[[np.ndarray, np.ndarray, int], Estimate]


LOSS_STATISTICS: Mapping[str, LossStatistic] = {
    "unexplained_share": LossStatistic("share of the variance of the loss that the power law leaves", _unexplained),
    "loss_held_out_error_share": LossStatistic("measured minus predicted loss over the fitted range", _held_out),
}


def loss_statistic(name: str, rows: pd.DataFrame, num_held_out: int = 1) -> Estimate:
    """One statistic of LOSS_STATISTICS. ValueError for an unknown name, absent columns, and where nothing is left to
    fit."""
    if name not in LOSS_STATISTICS:
        raise ValueError(f"{name}: no statistic of a table of losses; use {', '.join(LOSS_STATISTICS)}")
    if absent := [column for column in ("num_parameters", "loss_nats") if column not in rows]:
        raise ValueError(f"{LOSS_STATISTICS[name].unit} needs the column {', '.join(absent)}")
    size, loss = rows.num_parameters.to_numpy(float), rows.loss_nats.to_numpy(float)
    if not 1 <= num_held_out < len(np.unique(size)):
        raise ValueError(f"{len(np.unique(size))} sizes, {num_held_out} held out: nothing is left to fit")
    return LOSS_STATISTICS[name].compute(size, loss, num_held_out)
