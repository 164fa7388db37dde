"""Paper P on Pythia: prediction of held-out sizes, the bend, the test loss as assistant, pass rate against loss."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, bootstrap_items, failed, from_replicates
from analysis.passes.beta_rates import fit_beta_rates
from analysis.table_statistics.passes import PASS_STATISTICS, PassTable, pass_table
from analysis.task_law.counts import effective_counts
from analysis.task_law.fit import curvature_test, fit_task_law
from experiments.public.judged import judged_passes
from experiments.public.stage import measure_public
from experiments.public.statistics import plain_number, statistic
from public_tables.passes import size_name
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_pass_rates", ("math_attempts", "pass_counts", "reference_nll")
COUNTS = {"total": "params", "without_embeddings": "params_nonembed"}
HELD_OUT = {4: (2.8e9, 6.9e9, 12e9), 5: (6.9e9, 12e9)}  # sizes fitted -> sizes predicted
ITEM_DRAWS = 100
FLOOR_TOKENS = 2e6


def measure(tables: Mapping[str, PublicTable]) -> list:
    """MATH with 10,000 attempts, the grid of sizes and checkpoints, and losses of reference solutions."""
    attempts, counts, losses = (tables[name].rows for name in SOURCES)
    rates = _rates(attempts)
    parts: list = [[{"kind": "size", "size": size, "value": size_value} for size, size_value in _sizes(counts)]]
    parts += [_points(attempts, rates), _held_out(attempts, rates)]
    for name, column in COUNTS.items():
        bend = curvature_test(_numbers(attempts, column), *_as_counts(rates.to_numpy(), 10_000))
        parts.append([statistic("math", f"bend_{name}", bend.quadratic.noted(f"p {bend.p_value:.3g}"))])
    grid = _grid(counts)
    parts += [grid, _floor(counts), _assist(counts, losses), _crossed(grid, losses)]
    parts.append(judged_passes("math", math_table(attempts), [name for name in PASS_STATISTICS if name != "loss_rank"]))
    parts.append(judged_passes("gsm8k", gsm8k_table(counts, losses), ["loss_rank"]))
    return parts


def math_table(attempts: pd.DataFrame) -> PassTable:
    """MATH at seven sizes, N without embeddings as on our ladder, the two largest held out; claims are judged on it."""
    return pass_table(attempts.assign(num_parameters=attempts.params_nonembed), num_held_out=2)


def gsm8k_table(counts: pd.DataFrame, losses: pd.DataFrame) -> PassTable:
    """GSM8K items with the loss of their reference solutions; a column a checkpoint, so no law is fitted to it."""
    joined = _joined(counts, losses).rename(columns={"nll_nats": "answer_loss"})
    joined = joined[joined.groupby("item").model.transform("nunique") == joined.model.nunique()]
    return pass_table(joined.assign(num_parameters=joined.groupby("model").ngroup() + 1), num_held_out=1)


def _sizes(counts: pd.DataFrame) -> list[tuple[str, float]]:
    params = np.sort(counts.params.unique())
    return list(zip(size_name(pd.Series(params)), params, strict=True))


def _rates(attempts: pd.DataFrame) -> pd.DataFrame:
    """Pass rates [items, sizes], smallest size first."""
    return attempts.assign(rate=attempts.passes / attempts.attempts).pivot(
        index="item", columns="params", values="rate"
    )


def _numbers(attempts: pd.DataFrame, column: str) -> np.ndarray:
    return attempts.groupby("params")[column].first().sort_index().to_numpy(float)


def _as_counts(rates: np.ndarray, attempts: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts that stand for the mean rate over items [items, sizes] with the variance of its sampling."""
    variance = (rates * (1 - rates)).sum(axis=0) / attempts / len(rates) ** 2
    return effective_counts(rates.mean(axis=0), variance, np.full(rates.shape[1], float(attempts * len(rates))))


def _points(attempts: pd.DataFrame, rates: pd.DataFrame) -> list[dict]:
    """Mean pass rate of each size, interval over items."""
    found = []
    for params, column in rates.items():
        mean = bootstrap_items(np.mean, column.to_numpy())
        found.append(
            {
                "kind": "set",
                "task": "math",
                "metric": "pass_rate",
                "size": size_name(pd.Series([params])).iloc[0],
                "loss_nats": float(params),
                "value": mean.estimate,
                "low": mean.low,
                "high": mean.high,
                "num_items": len(column),
            }
        )
    return found


def _held_out(attempts: pd.DataFrame, rates: pd.DataFrame) -> list[dict]:
    """Relative error of the predicted rate of each held-out size with its interval over items, and the interval that
    the law itself gives."""
    found, table = [], rates.to_numpy()
    sizes = rates.columns.to_numpy(float)
    drawn = np.random.default_rng(0).integers(len(table), size=(ITEM_DRAWS, len(table)))
    for name, column in COUNTS.items():
        number = _numbers(attempts, column)
        for num_fitted, targets in HELD_OUT.items():
            laws = [_law(table[items], number, num_fitted) for items in drawn]
            law = _law(table, number, num_fitted, 300)
            for target in targets:
                place = int(np.flatnonzero(sizes == target)[0])
                measured = table[:, place].mean()
                own = law.predict(number[place])
                errors = np.array(
                    [
                        one.predict(number[place]).estimate / table[items, place].mean() - 1
                        for one, items in zip(laws, drawn)
                    ]
                )
                size = size_name(pd.Series([target])).iloc[0]
                about = {"size": size, "series": f"{num_fitted} sizes fitted, N {name.replace('_', ' ')}"}
                error = from_replicates(float(own.estimate / measured - 1), errors)
                found.append(statistic("math", "prediction_error", error, **about))
                ends = Estimate(*(part / measured - 1 for part in (own.estimate, own.low, own.high)), own.status)
                found.append(statistic("math", "prediction_error_of_the_law", ends, **about))
    return found


def _law(rates: np.ndarray, number: np.ndarray, num_fitted: int, num_replicates: int = 2):
    passes, attempts = _as_counts(rates[:, :num_fitted], 10_000)
    return fit_task_law(number[:num_fitted], passes, attempts, num_replicates=num_replicates)


def _grid(counts: pd.DataFrame) -> list[dict]:
    """Mean pass rate of each benchmark, size and checkpoint from its unequal counts."""
    found = []
    for (benchmark, params, tokens), one in counts.groupby(["benchmark", "params", "tokens"]):
        fit = fit_beta_rates(one.passes, one.attempts)
        mean = fit.mean if fit.mean.ok else failed(fit.status)
        found.append(
            statistic(
                benchmark, "mean_pass_rate", mean, one, size=size_name(pd.Series([params])).iloc[0], tokens_seen=tokens
            )
        )
    return found


def _floor(counts: pd.DataFrame) -> list[dict]:
    """Passes per attempt of untrained models, pooled: what guessing gives."""
    found = []
    for benchmark, one in counts[counts.tokens == FLOOR_TOKENS].groupby("benchmark"):
        passes, attempts = one.passes.sum(), one.attempts.sum()
        low, high = stats.binomtest(int(passes), int(attempts)).proportion_ci()
        found.append(statistic(benchmark, "guessing_floor", Estimate(float(passes / attempts), low, high), one))
    return found


def _assist(counts: pd.DataFrame, losses: pd.DataFrame) -> list[dict]:
    """Rank correlation over items of the loss of a reference solution and the pass rate, at each checkpoint."""
    joined = _joined(counts, losses)
    found = []
    for model, one in joined.groupby("model"):
        pairs = np.column_stack([one.nll_nats, one.passes / one.attempts])
        rank = bootstrap_items(lambda rows: float(stats.spearmanr(rows[:, 0], rows[:, 1])[0]), pairs)
        found.append(statistic("gsm8k", "assist_rank_correlation", rank, one, run=model))
    return found


def _joined(counts: pd.DataFrame, losses: pd.DataFrame) -> pd.DataFrame:
    gsm8k = counts[counts.benchmark == "gsm8k"][["model", "item", "attempts", "passes"]]
    return gsm8k.merge(losses[["model", "item", "nll_nats"]], on=["model", "item"])


def _crossed(grid: list[dict], losses: pd.DataFrame) -> list[dict]:
    """Rank correlation over checkpoints of the mean loss of the reference solutions and the mean pass rate."""
    mean = losses.assign(size=size_name(losses.params)).groupby(["size", "tokens"]).nll_nats.mean()
    rates = {(row["size"], row["tokens_seen"]): row["value"] for row in grid if row["task"] == "gsm8k"}
    pairs = [(loss, rates[key]) for key, loss in mean.items() if key in rates and np.isfinite(rates[key])]
    loss, rate = np.array(pairs).T
    value = float(stats.spearmanr(loss, rate)[0])
    points = [
        {
            "kind": "checkpoint",
            "task": "gsm8k",
            "metric": "pass_rate_at_loss",
            "size": size,
            "tokens_seen": tokens,
            "loss_nats": loss,
            "value": rates[(size, tokens)],
        }
        for (size, tokens), loss in mean.items()
        if (size, tokens) in rates
    ]
    note = f"ok: {len(pairs)} checkpoints of different size and tokens, no interval"
    return [*points, plain_number("gsm8k", "loss_rank_correlation", value, pairs, note)]


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
