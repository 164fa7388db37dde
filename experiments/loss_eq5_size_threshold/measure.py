"""Paper L, Equations 3 to 5: from the loss threshold of a task and the loss law to the model size at which the task
should leave chance, against what is seen.

The loss threshold comes from the long runs, the law from the final checkpoints of the small runs, the observed size
from which small runs stand above chance:
three different sets of numbers. The law is the joint one (Hoffmann et al. 2022), read off at each token budget, since
that is Eq. 4 with all budgets together.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.onset.threshold import HingeFit
from analysis.task_law.joint_law import JointLawFit, fit_joint_law
from analysis.task_law.loss_law import LossLawFit, observed_size_threshold, size_threshold
from experiments.tables.names import THRESHOLD, asked
from experiments.tables.scores import checkpoint_rows, final_checkpoints, select, size_rows, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import hinge, left_chance
from profiles.paths import Paths

STEM = "loss_eq5_size_threshold"
MIN_SIZES = 3  # sizes a token budget needs before an observed threshold says anything
NUM_LAW_REPLICATES = 100  # each one is an optimisation in five parameters
NUM_LAW_POINTS = 40
NUM_LAG_POINTS = 400
Z_95 = 1.96  # a run counts as above chance when its 95 % interval over items is
MAX_DOUBLINGS = 6.0  # predictions further than this from the ladder are not told apart


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Loss law, predicted and observed size thresholds per task and token budget (paper L, Equations 3 to 5)."""
    long, small = select(scores, THRESHOLD, series="long"), final_checkpoints(select(scores, THRESHOLD, series="small"))
    once = small[small.task == THRESHOLD[0]]
    law = fit_joint_law(
        once.lineage,
        once.num_nonembedding_parameters,
        once.tokens_seen,
        once.loss_nats,
        num_replicates=NUM_LAW_REPLICATES,
    )
    budgets = [tokens for tokens, part in once.groupby("tokens_seen") if part["size"].nunique() >= MIN_SIZES]
    laws = {tokens: law.at_tokens(float(tokens)) for tokens in budgets}
    parts: list = [
        size_rows(scores),
        checkpoint_rows(once).assign(num_parameters=once.num_nonembedding_parameters.to_numpy()),
        law_rows(once, law, laws),
    ]
    for task in THRESHOLD:
        one = long[long.task == task]
        fit, statistics = hinge(one, task, asked(one)[task].metric)
        parts.append([left_chance(one, task), statistics[0]])
        shift = detection_lag(fit, one, task)
        eta = replace(fit.eta, estimate=fit.eta.estimate - shift, low=fit.eta.low - shift, high=fit.eta.high - shift)
        parts.append(compare_sizes(small[small.task == task], task, laws, eta, fit.draws - shift))
    return parts


def law_rows(finals: pd.DataFrame, law: JointLawFit, laws: dict[int, LossLawFit]) -> list[dict]:
    """Parameters of the joint law as statistic rows, and Eq. 4 at each budget as `fit` rows over the sizes."""
    rows = [
        statistic_row(finals, "all", name, getattr(law, name), len(finals)) for name in ("e", "a", "b", "alpha", "beta")
    ]
    sizes = np.geomspace(
        finals.num_nonembedding_parameters.min(), finals.num_nonembedding_parameters.max(), NUM_LAW_POINTS
    )
    for tokens, fixed in laws.items():
        if fixed.status.startswith("ok"):
            rows += [
                {
                    "kind": "fit",
                    "task": "all",
                    "metric": "loss_law",
                    "tokens_seen": tokens,
                    "num_parameters": size,
                    "loss_nats": loss,
                }
                for size, loss in zip(sizes, fixed.predict(sizes))
            ]
    return rows


def detection_lag(fit: HingeFit, rows: pd.DataFrame, task: str) -> float:
    """How far below the threshold the loss must fall, in nats, before a run is seen to stand above chance: the fitted
    curve then clears the item noise of a guesser.

    Without it the prediction would be of the first trace of an ability, and the observation of a significant one."""
    chance, num_items = asked(rows)[task].chance, rows.num_items.median()
    clear = chance + Z_95 * np.sqrt(max(chance * (1 - chance), 1 / num_items) / num_items)
    below = np.linspace(fit.eta.estimate, rows.loss_nats.min(), NUM_LAG_POINTS)
    seen = below[fit.predict(below, chance) > clear]
    return float(fit.eta.estimate - seen.max()) if len(seen) else 0.0


def compare_sizes(
    finals: pd.DataFrame, task: str, laws: dict[int, LossLawFit], eta: Estimate, draws: np.ndarray
) -> list[dict]:
    """Rows `predicted_size` and `observed_size` per budget, and the statistic `size_log2_error`: the mean over budgets
    with a two-sided observed bracket of the distance in doublings from prediction to bracket, 0 inside it."""
    rows, distances = [], []
    for tokens, law in laws.items():
        part = finals[finals.tokens_seen == tokens]
        predicted = size_threshold(law, eta, draws)
        observed = observed_size_threshold(part.num_nonembedding_parameters, part.low, asked(part)[task].chance)
        for name, estimate in (("predicted_size", predicted), ("observed_size", observed)):
            rows.append(
                {
                    "kind": "size_threshold",
                    "task": task,
                    "metric": name,
                    "tokens_seen": tokens,
                    "value": estimate.estimate,
                    "low": estimate.low,
                    "high": estimate.high,
                    "status": estimate.status,
                }
            )
        if observed.ok and not np.isnan(predicted.estimate):
            distances.append(_distance(predicted, observed))
    if not distances:
        reason = (
            eta.status
            if not eta.ok
            else "at no token budget do some sizes stand above chance and smaller ones not, or the loss law failed"
        )
        return [*rows, statistic_row(finals, task, "size_log2_error", failed(reason))]
    value, low, high = np.mean(distances, axis=0)
    return [
        *rows,
        statistic_row(
            finals,
            task,
            "size_log2_error",
            Estimate(value, low, high, f"ok: {len(distances)} of {len(laws)} budgets"),
            len(distances),
        ),
    ]


def _distance(predicted: Estimate, observed: Estimate) -> tuple[float, float, float]:
    """Distance in doublings to the bracket [low, high] of the prediction, and the least and greatest distance over the
    prediction's interval."""
    bottom, top = np.log2(observed.low), np.log2(observed.high)
    ends = np.clip(
        np.log2([predicted.estimate, predicted.low, predicted.high]), bottom - MAX_DOUBLINGS, top + MAX_DOUBLINGS
    )
    outside = np.maximum.reduce([bottom - ends, ends - top, np.zeros(3)])
    spans = ends[1] <= top and ends[2] >= bottom  # the interval meets the bracket
    return float(outside[0]), 0.0 if spans else float(outside[1:].min()), float(outside[1:].max())


if __name__ == "__main__":
    measure_main(STEM, measure)
