"""Table of pass rates over model sizes in, verdict out: does F = log(-log PU) fall linearly in log N, and what does
that say of larger sizes?

The statistics that paper P's claims rest on (Eq. 4, Def. 1, Table 1), on anybody's table, in one call. The verdict is
one word, with its reason:

    law           F is linear in log N as far as these sizes can tell
    accelerated   F is concave in log N (Def. 1): growth that quickens
    sub-scaling   F is convex in log N: growth that slackens, and the law predicts larger sizes too high
    no slope      the pass rate does not grow with size beyond what runs of one size differ by
    cannot tell   too few sizes with a pass; the reason says how many

One held-out size is luck: fitted on four sizes, the law hits one public series' fifth to 0.1 % and misses its seventh
by 97 %. So every held-out size is shown, with the interval that the fit allows.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.intervals import Estimate
from analysis.rows import float_columns
from analysis.task_law.counts import counts_problem, effective_counts
from analysis.task_law.fit import Curvature, TaskLawFit, curvature_test, fit_task_law

BEND_LEVEL = 0.05
MIN_SIZES = 3


@dataclass(frozen=True)
class Held:
    """A size that the fit did not see: its measured pass rate (mean over its rows), the predicted one, and whether the
    interval holds it."""

    size: float
    measured: float
    predicted: Estimate

    @property
    def is_inside(self) -> bool:
        """Whether the measured rate lies in the predicted interval."""
        return bool(self.predicted.low <= self.measured <= self.predicted.high)


@dataclass(frozen=True)
class TaskLawReport:
    """verdict and reason as above; the fit to the smaller sizes; the bend of all sizes; held-out sizes, smallest first;
    notes."""

    verdict: str
    reason: str
    law: TaskLawFit
    bend: Curvature
    held_out: tuple[Held, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        """The report in a few lines for a terminal."""
        lines = [f"{self.verdict}: {self.reason}"]
        if np.isfinite(self.law.alpha.estimate):
            lines.append(f"exponent alpha         {_interval(self.law.alpha)}  ({self.law.status})")
            lines.append(f"runs of one size       differ by SD {self.law.noise.estimate:.2g} in F")
        if np.isfinite(self.bend.quadratic.estimate):
            lines.append(
                f"bend                   {_interval(self.bend.quadratic)}, p {self.bend.p_value:.2g}  (below 0"
                " accelerated)"
            )
        for held in self.held_out:
            off = 100 * (held.predicted.estimate / held.measured - 1) if held.measured > 0 else np.nan
            inside = "inside" if held.is_inside else "outside"
            said = (
                f"{_interval(held.predicted)}, {off:+.0f} %, {inside}" if held.predicted.ok else held.predicted.status
            )
            lines.append(f"held out {held.size:<13.4g} measured {held.measured:.3g}, predicted {said}")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    def to_json(self) -> str:
        """The report as JSON, numbers to six digits, what is not finite as null."""
        content = {
            "verdict": self.verdict,
            "reason": self.reason,
            "alpha": _plain(self.law.alpha),
            "log_c": _plain(self.law.log_c),
            "run_noise": _plain(self.law.noise),
            "bend": _plain(self.bend.quadratic),
            "bend_p_value": _six(self.bend.p_value),
            "held_out": [
                {
                    "size": held.size,
                    "measured": _six(held.measured),
                    "predicted": _plain(held.predicted),
                    "is_inside": held.is_inside,
                }
                for held in self.held_out
            ],
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def counts_of_rates(rate: np.ndarray, num_items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(passes, attempts) that stand for pass rates [n] averaged over num_items items of one attempt each. ValueError
    for percent."""
    (rate, items), problem = float_columns(1, rate=rate, num_items=num_items)
    if problem:
        raise ValueError(problem)
    if rate.max() > 1:
        raise ValueError(f"rate: {rate.max():g} is no share from 0 to 1; divide percent by 100")
    return effective_counts(rate, rate * (1 - rate) / items, items)


def task_law_report(
    num_parameters: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    num_held_out: int = 1,
    num_replicates: int = 300,
    seed: int = 0,
) -> TaskLawReport:
    """Everything above for rows [n] of (passes, attempts); the num_held_out largest sizes are predicted, not fitted.

    ValueError for rows that are no counts, or where fewer than MIN_SIZES sizes would be left to fit.
    """
    (size, passes, attempts), problem = float_columns(
        1, num_parameters=num_parameters, passes=passes, attempts=attempts
    )
    problem = problem or counts_problem(size, passes, attempts)
    if problem:
        raise ValueError(problem)
    sizes = np.unique(size)
    if num_held_out < 0 or len(sizes) - num_held_out < MIN_SIZES:
        raise ValueError(
            f"num_held_out: {num_held_out} of {len(sizes)} sizes leaves fewer than {MIN_SIZES} to fit; hold out fewer"
        )
    held = size >= sizes[len(sizes) - num_held_out] if num_held_out else np.zeros(len(size), bool)
    law = fit_task_law(
        size[~held], passes[~held], attempts[~held], num_replicates=num_replicates, seed=seed, length_exponent=0.0
    )
    bend = curvature_test(size, passes, attempts, num_replicates=num_replicates, seed=seed)
    rates = pd.Series(passes / attempts).groupby(size).mean()
    predicted = tuple(
        Held(float(one), float(rates[one]), law.predict(float(one), seed=seed))
        for one in sizes[len(sizes) - num_held_out :]
    )
    notes = []
    fitted = int(np.sum(np.isin(sizes, size[~held])))
    if fitted < 5:
        notes.append(
            f"{fitted} sizes fitted: with fewer than 5 the interval is what counts, not how near one prediction comes"
        )
    if len(size) == len(sizes):
        notes.append("one run per size: how much runs of one size differ is taken from the scatter around the line")
    verdict, reason = _judge(law, bend, len(np.unique(size[passes > 0])))
    return TaskLawReport(verdict, reason, law, bend, predicted, tuple(notes))


def _judge(law: TaskLawFit, bend: Curvature, num_sizes: int) -> tuple[str, str]:
    if law.status.startswith("failed"):
        return "cannot tell", law.status.removeprefix("failed: ")
    if bend.status.startswith("ok") and bend.p_value < BEND_LEVEL:
        kind = "accelerated" if bend.quadratic.estimate < 0 else "sub-scaling"
        return (
            kind,
            (
                f"F is {'concave' if kind == 'accelerated' else 'convex'} in log N over {num_sizes} sizes (p"
                f" {bend.p_value:.2g})"
            ),
        )
    if law.status.startswith("not identified"):
        return "no slope", law.status.removeprefix("not identified: ")
    tested = (
        f"no bend found over {num_sizes} sizes (p {bend.p_value:.2g})"
        if bend.status.startswith("ok")
        else bend.status.removeprefix("failed: ")
    )
    return "law", f"F falls by {law.alpha.estimate:.3g} per unit of log N; {tested}"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.estimate:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _six(number: float) -> float | None:
    return float(f"{number:.6g}") if np.isfinite(number) else None


def _plain(estimate: Estimate) -> dict:
    return {
        "estimate": _six(estimate.estimate),
        "low": _six(estimate.low),
        "high": _six(estimate.high),
        "status": estimate.status,
    }
