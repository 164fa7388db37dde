"""Paper P, Theorem 1: what r / K and its rivals do over pass rates from 1e-5 to 0.5, by simulation and by summing the
law of the outcomes.

Sampling stops at the r-th pass or at the cap; fixed K spends as many attempts as stopping at the recommended r spends
on average. No model enters. Every cell (design, estimator or interval, pass rate) has a value simulated in 10,000
replicates with its simulation interval, and the exact expectation, which is a finite sum over the outcomes. The
statistics are the exact ones, since a smallest coverage over many simulated cells would be low by chance;
`simulation_z` says how far the simulation is from them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from analysis.intervals import Estimate
from analysis.passes.likelihood_interval import likelihood_p_value
from analysis.passes.stopping import ratio_estimate, simulate_stopped, unbiased_estimate, upper_tail
from experiments.tables.scores import statistic_row
from experiments.tables.stage import measure_main, no_table
from profiles.paths import Paths

STEM = "passuntil_thm1_estimators"
RATES = (1e-5, 2e-5, 5e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5)
TARGETS = (1, 2, 5, 10)
SMALL_TARGETS = (1, 2)  # the paper calls these sufficient
RECOMMENDED = 10
CAP = 100_000  # the paper's
NUM_REPLICATES = 10_000
MIN_EXPECTED = 5.0  # passes that must be expected before the recommended interval promises its level
LEVEL = 0.95
SEED = 0
NO_SEEDS = pd.DataFrame({"seed": []})  # no trained run enters
# Outcomes so rare change no sum in its sixth digit.
NEGLIGIBLE = 1e-14
# A mean this small beside the mean of the absolute terms is what the outcomes left out and the rounding of the sum
# leave of 0.
CANCELLED = 1e-9
# A peak found by comparing values is known to the square root of their rounding error.
PEAK_RESOLUTION = 1e-7


@dataclass(frozen=True)
class Outcomes:
    """Outcomes (passes, attempts) [n] of one design at one pass rate: all of them with their probabilities, or
    simulated ones of equal weight."""

    passes: np.ndarray
    attempts: np.ndarray
    weight: np.ndarray
    num_target: int  # 0: fixed K


def stopped_law(p: float, num_target: int, cap: int = CAP) -> Outcomes:
    """Every outcome of stopping at the num_target-th pass or at the cap, with its probability; negligible ones left
    out."""
    attempts = np.r_[np.arange(num_target, cap + 1), np.full(num_target, cap)]
    passes = np.r_[np.full(cap + 1 - num_target, num_target), np.arange(num_target)]
    weight = np.r_[
        stats.nbinom.pmf(np.arange(cap + 1 - num_target), num_target, p), stats.binom.pmf(np.arange(num_target), cap, p)
    ]
    kept = weight > NEGLIGIBLE
    return Outcomes(passes[kept], attempts[kept], weight[kept], num_target)


def fixed_law(p: float, num_attempts: int) -> Outcomes:
    """Every number of passes in a fixed number of attempts, with its probability."""
    passes = np.arange(num_attempts + 1)
    weight = stats.binom.pmf(passes, num_attempts, p)
    kept = weight > NEGLIGIBLE
    return Outcomes(passes[kept], np.full(kept.sum(), num_attempts), weight[kept], 0)


def simulated(law: Outcomes, p: float, rng: np.random.Generator) -> Outcomes:
    """NUM_REPLICATES outcomes of the same design."""
    if law.num_target:
        passes, attempts = simulate_stopped(p, law.num_target, CAP, NUM_REPLICATES, rng)
    else:
        attempts = np.full(NUM_REPLICATES, law.attempts[0])
        passes = rng.binomial(attempts, p)
    return Outcomes(passes, attempts, np.full(NUM_REPLICATES, 1 / NUM_REPLICATES), law.num_target)


def estimates(outcomes: Outcomes) -> dict[str, np.ndarray]:
    """Estimates of the pass rate, name -> [n]. `ratio` is the maximum of the likelihood, cap included; `zero_at_cap`
    writes 0 where the target was not reached."""
    passes, attempts, target = outcomes.passes, outcomes.attempts, outcomes.num_target
    ratio = ratio_estimate(passes, attempts)
    if not target:
        return {"fixed": ratio}
    found = {"ratio": ratio, "zero_at_cap": np.where(passes == target, ratio, 0.0)}
    return found | ({"unbiased": unbiased_estimate(passes, attempts, target)} if target > 1 else {})


def covers(outcomes: Outcomes, p: float) -> dict[str, np.ndarray]:
    """Whether the 95 % interval from each outcome holds p, name -> bool [n]: exact (Clopper-Pearson where K is fixed),
    mid-P, likelihood order (the recommended one), likelihood ratio against chi-square, and the normal interval around r
    / K."""
    passes, attempts, tail = outcomes.passes, outcomes.attempts, (1 - LEVEL) / 2
    cap = CAP if outcomes.num_target else int(np.max(attempts))
    order = outcomes.num_target or cap + 1  # with fixed K no number of passes ends the sampling: Clopper-Pearson
    at_least = upper_tail(passes, attempts, order, p)
    mid = upper_tail(passes, attempts, order, p, is_mid=True)
    share = passes / attempts
    best = special.xlogy(passes, share) + special.xlogy(attempts - passes, 1 - share)
    deviance = 2 * (best - special.xlogy(passes, p) - special.xlogy(attempts - passes, 1 - p))
    half = stats.norm.ppf(1 - tail) * np.sqrt(share * (1 - share) / attempts)
    return {
        "exact": (at_least >= tail) & (2 * mid - at_least <= 1 - tail),
        "mid_p": (mid >= tail) & (mid <= 1 - tail),
        "likelihood_order": likelihood_p_value(passes, attempts, order, cap, p) > 1 - LEVEL,
        "likelihood": deviance <= stats.chi2.ppf(LEVEL, 1),
        "normal": np.abs(share - p) <= half,
    }


def cell_rows(p: float, law: Outcomes, draws: Outcomes) -> list[dict]:
    """Rows of one design at one pass rate: relative bias and relative error of each estimator, coverage of each
    interval; simulated (value, low, high) and exact."""
    about = {
        "kind": "simulation",
        "task": "all",
        "num_items": NUM_REPLICATES,
        "status": "ok",
        "pass_rate": p,
        "num_target": law.num_target,
        "cap": CAP,
        "mean_attempts": float(np.sum(law.weight * law.attempts)),
        "expected_passes": min(law.num_target or np.inf, p * law.attempts.max()),
    }
    rows = []

    def add(metric: str, drawn: np.ndarray, expected: np.ndarray, root: bool = False) -> None:
        truth = mean_or_zero(law.weight, expected)
        deviation = float(np.sqrt(np.sum(law.weight * (expected - truth) ** 2)))
        mean, half = float(drawn.mean()), 1.96 * deviation / np.sqrt(NUM_REPLICATES)
        ends = np.array([mean, mean - half, mean + half, truth])
        value, low, high, exact = np.sqrt(np.maximum(ends, 0)) if root else ends
        z = (mean - truth) / (half / 1.96) if half > 0 else 0.0
        rows.append(
            about | {"metric": metric, "value": value, "low": low, "high": high, "exact": float(exact), "z": float(z)}
        )

    found, known = estimates(draws), estimates(law)
    for name in known:
        add(f"bias_{name}", found[name] / p - 1, known[name] / p - 1)
        add(f"error_{name}", (found[name] / p - 1) ** 2, (known[name] / p - 1) ** 2, root=True)
    inside, known_inside = covers(draws, p), covers(law, p)
    for name in known_inside:
        add(f"coverage_{name}", inside[name].astype(float), known_inside[name].astype(float))
    return rows


def mean_or_zero(weight: np.ndarray, terms: np.ndarray) -> float:
    """Weighted sum of terms [n]; 0 where they cancel to CANCELLED of their absolute sum, for what is left then is not
    in the terms."""
    total = float(np.sum(weight * terms))
    return total if abs(total) > CANCELLED * float(np.sum(weight * np.abs(terms))) else 0.0


def f_error(p: float, num_target: int) -> float:
    """Root mean square error of F = log(-log PU) with PU = r / K, over the outcomes with a pass and a failure
    (elsewhere F is undefined)."""
    law = stopped_law(p, num_target)
    share = law.passes / law.attempts
    defined = (share > 0) & (share < 1)
    error = np.log(np.log(share[defined]) / np.log(p))
    return float(np.sqrt(law.weight[defined] @ error**2 / law.weight[defined].sum()))


def likelihood_distance() -> float:
    """Largest relative distance between r / K and the maximum of the negative binomial likelihood found numerically,
    over targets and pass rates."""
    return max(_distance_to_peak(target, max(round(target / p), target + 1)) for target in TARGETS for p in RATES)


def _distance_to_peak(target: int, attempts: int) -> float:
    peak = optimize.minimize_scalar(
        lambda log_p: -stats.nbinom.logpmf(attempts - target, target, np.exp(log_p)),
        bounds=(-16, -1e-3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    distance = float(abs(np.exp(peak.x) * attempts / target - 1))
    return distance if distance > PEAK_RESOLUTION else 0.0


def measure(_: pd.DataFrame, paths: Paths) -> list:
    """Bias, error and interval coverage of pass-rate estimators (paper P, Theorem 1), simulated and exact."""
    rng = np.random.default_rng(SEED)
    rows = []
    for p in RATES:
        laws = [stopped_law(p, target) for target in TARGETS]
        cost = round(float(laws[TARGETS.index(RECOMMENDED)].weight @ laws[TARGETS.index(RECOMMENDED)].attempts))
        for law in [*laws, fixed_law(p, cost)]:
            rows += cell_rows(p, law, simulated(law, p, rng))
    return [rows, statistics(pd.DataFrame(rows))]


def statistics(cells: pd.DataFrame) -> list[dict]:
    """The numbers that claims.yaml judges, all exact, and how far the simulation lies from them."""
    stopped = cells[cells.num_target > 0]
    promised = stopped[(stopped.expected_passes >= MIN_EXPECTED) & (stopped.num_target == RECOMMENDED)]

    def cell(rows: pd.DataFrame, metric: str, targets: tuple[int, ...] = TARGETS) -> pd.Series:
        return rows[(rows.metric == metric) & rows.num_target.isin(targets)].exact

    def worst(values: pd.Series) -> float:
        return float(values.loc[values.abs().idxmax()])

    numbers = {
        "likelihood_distance": likelihood_distance(),
        "ratio_bias": worst(cell(stopped, "bias_ratio", SMALL_TARGETS)),
        "unbiased_bias": worst(cell(stopped, "bias_unbiased")),
        "f_error_small_target": max(f_error(p, target) for p in RATES if p <= 0.01 for target in SMALL_TARGETS),
        "exact_coverage": float(cell(stopped, "coverage_exact").min()),
        "mid_p_coverage_gap": worst(cell(promised, "coverage_mid_p") - LEVEL),
        "likelihood_order_coverage_gap": worst(cell(promised, "coverage_likelihood_order") - LEVEL),
        "normal_coverage": float(cell(stopped, "coverage_normal", SMALL_TARGETS).min()),
        "simulation_z": float(cells.z.abs().max()),
    }
    return [
        statistic_row(NO_SEEDS, "all", name, Estimate(number, np.nan, np.nan), len(cells))
        for name, number in numbers.items()
    ]


if __name__ == "__main__":
    measure_main(STEM, measure, no_table)
