"""Means over runs and over series. One number per run, a t interval of their mean: more runs make it narrower.

The extremes over runs, which "every run does" asks for, get wider with every run added; and of several series the worst
is worse the more there are. Both are means here.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.growth import chance_span
from analysis.intervals import Estimate, failed
from analysis.rows import check_level, run_labels


def run_mean(values: np.ndarray, level: float = 0.95) -> Estimate:
    """Mean of one value per run [n] with Student's t interval, n - 1 degrees of freedom. status "failed: ..." below 2
    runs, for values that are not finite and for runs that are all alike."""
    check_level(level)
    values = np.asarray(values, float)
    if values.ndim != 1:
        raise ValueError(f"values: has shape {values.shape}, needs one value per run")
    if len(values) < 2:
        return failed(f"{len(values)} run(s), a mean over runs needs 2")
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        return failed(f"value is {values[place]} in run {place}; leave out runs without one")
    if np.ptp(values) == 0:
        return failed(f"all {len(values)} runs give {values[0]:.6g}, which is no interval")
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1)) * error
    return Estimate(mean, mean - half, mean + half)


def flat_share(frame: pd.DataFrame, chance: float, loss_range: tuple[float, float], level: float = 0.95) -> Estimate:
    """Mean over runs of the share of the loss range (highest, lowest) that a run spends at chance before its onset.

    frame: columns run, tokens_seen, loss_nats, value, num_items. chance is that of the best guesser who knows nothing
    but the answers. A run that `chance_span` refuses (elsewhere than at chance before its onset) is left out and
    counted in the status; "failed: ..." when more than half are, "not reached: ..." when fewer than half of the runs
    leave chance: what they spent there is then no more than a lower bound.
    """
    check_level(level)
    missing = sorted({"run", "tokens_seen", "loss_nats", "value", "num_items"} - set(frame))
    if missing:
        raise ValueError(f"columns {', '.join(missing)}: not in the table; it needs run, tokens_seen, loss_nats, value")
    problem = run_labels(frame["run"].to_numpy(), len(frame))[1]
    if problem:
        return failed(problem)
    spans = [
        chance_span(part.tokens_seen, part.loss_nats, part.value, chance, part.num_items, loss_range)
        for _, part in frame.groupby("run", sort=True)
    ]
    usable = [span for span in spans if span.span_share.ok]
    if 2 * len(usable) <= len(spans):
        reason = next((span.status for span in spans if not span.span_share.ok), "failed: no rows")
        return failed(f"{len(usable)} of {len(spans)} runs can be judged ({reason.removeprefix('failed: ')})")
    reached = sum("not reached" not in span.status for span in usable)
    if 2 * reached < len(usable):
        return Estimate(np.nan, np.nan, np.nan, f"not reached: {reached} of {len(usable)} runs leave chance")
    mean = run_mean(np.array([span.span_share.estimate for span in usable]), level)
    lost = len(spans) - len(usable)
    return mean.noted(f"{lost} of {len(spans)} runs left out, not at chance before the onset") if lost else mean


def joined_mean(by_series: dict[str, Estimate]) -> Estimate:
    """Mean over independent series, each with its interval; the half-widths are joined as roots of squares, each side
    on its own (method of variance estimates recovery, Zou and Donner 2008). A series that is undetermined is left out
    and named in the status; "failed: ..." where all are."""
    found = {name: one for name, one in by_series.items() if one.ok and np.isfinite([one.low, one.high]).all()}
    lost = [name for name in by_series if name not in found]
    if not found:
        return failed(f"no series is determined ({'; '.join(f'{n}: {one.status}' for n, one in by_series.items())})")
    value, low, high = (np.array([getattr(one, end) for one in found.values()]) for end in ("estimate", "low", "high"))
    mean = float(value.mean())
    below, above = (float(np.sqrt(np.sum((end - value) ** 2))) / len(value) for end in (low, high))
    joined = Estimate(mean, mean - below, mean + above)
    return joined.noted(f"without {', '.join(lost)}") if lost else joined
