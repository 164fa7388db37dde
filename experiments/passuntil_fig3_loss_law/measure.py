"""Paper P, Figure 3: final loss of each series against model size as a power law, checked on the held-out sizes, and
the loss per answer token of each task, which section 4.2 takes to be a power law without an irreducible part."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, failed, from_replicates
from analysis.task_law.loss_law import LossLawFit, fit_loss_law, loss_at_size
from experiments.tables.names import ALL_TASKS, LAW_TASKS, series_names
from experiments.tables.pass_statistics import held_out_sizes, joined_statistic, parameters_of, too_far, too_high
from experiments.tables.passes import checkpoint_losses, has_passed, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import final_checkpoints, size_rows, statistic_row
from experiments.tables.series_statistics import TWO_ONE_SIDED, mean_over_series
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig3_loss_law"
NUM_CURVE_POINTS = 60
NO_RELATION = "failed: size does not explain loss"  # analysis.task_law.loss_law's words
NUM_REPLICATES = 300
NUM_PARAMS = 3  # of the law: L_inf, N0, alpha
BEYOND = 1.3  # curves end a little beyond the largest size


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Loss of every checkpoint, the law of the final losses, its prediction of the held-out sizes, and the answers'
    loss per task (paper P, Figure 3)."""
    losses = checkpoint_losses(paths)
    finals = final_checkpoints(losses)
    parts: list = [size_rows(losses), loss_points(losses)]
    unexplained, held_out, held_out_mean = {}, {}, {}
    for series in series_names(losses):
        rows = finals[finals.series == series]
        law = SizeLaw(rows[~rows.is_held_out.astype(bool)])
        parts += [law.curve(rows), law.predictions(rows)]
        unexplained[series], held_out[series] = unexplained_share(rows), law.held_out_error(rows)
        held_out_mean[series] = law.held_out_error(rows, of_mean=True)
    parts += [
        joined_statistic(finals, "all", "unexplained_share", unexplained, too_high),
        joined_statistic(finals, "all", "held_out_error_share", held_out, too_far),
        mean_over_series(finals, "all", "law_misfit_share", unexplained),
        mean_over_series(finals, "all", "held_out_mean_error", held_out_mean),
    ]
    for task in ALL_TASKS:
        parts += answer_loss_parts(passes, task)
    return parts


def loss_points(losses: pd.DataFrame) -> pd.DataFrame:
    """Every checkpoint as a measured point; `is_final` marks the last one of its run."""
    columns = ["run", "series", "size", "tokens_seen", "compute_flops", "loss_nats", "is_held_out"]
    return losses[columns].assign(
        kind="checkpoint",
        task="all",
        metric="loss_nats",
        value=losses.loss_nats,
        status="ok",
        seed=losses.seed.astype(str),
        num_parameters=losses.num_nonembedding_parameters,
        is_final=losses.tokens_seen == losses.groupby("run").tokens_seen.transform("max"),
    )


class SizeLaw:
    """Eq. 4 of paper L, L_inf + (N0 / N)^alpha, on the final losses of the fitted sizes, with predictions for new
    runs."""

    def __init__(self, fitted: pd.DataFrame):
        self.fitted, self.size, self.loss = (
            fitted,
            fitted.num_nonembedding_parameters.to_numpy(float),
            fitted.loss_nats.to_numpy(float),
        )
        self.law: LossLawFit = fit_loss_law(self.size, self.loss)
        self.freedom = max(len(self.loss) - NUM_PARAMS, 1)

    def predict(self, num_parameters: float, num_runs: int = 1, level: float = 0.95) -> Estimate:
        """Mean loss of num_runs new runs of this size, in nats; the interval holds the law's parameters and the scatter
        of the mean of so many runs about it."""
        law = self.law
        if not law.status.startswith("ok"):
            return failed(law.status.removeprefix("failed: "))
        scatter = np.sqrt(np.sum((self.loss - law.predict(self.size)) ** 2) / self.freedom)
        noise = scatter / np.sqrt(num_runs) * np.random.default_rng(0).normal(size=len(law.draws))
        replicates = loss_at_size(num_parameters, *law.draws.T) + noise
        at = float(law.predict(np.array([num_parameters]))[0])
        return from_replicates(at, replicates, level, freedom=self.freedom)

    def curve(self, rows: pd.DataFrame) -> list[dict]:
        """`fit` rows over all sizes, with the band of new runs."""
        sizes = np.geomspace(
            rows.num_nonembedding_parameters.min() / BEYOND,
            rows.num_nonembedding_parameters.max() * BEYOND,
            NUM_CURVE_POINTS,
        )
        return [
            {
                "kind": "fit",
                "task": "all",
                "metric": "loss_law",
                "series": rows.series.iloc[0],
                "num_parameters": size,
                "value": at.estimate,
                "low": at.low,
                "high": at.high,
            }
            for size in sizes
            if (at := self.predict(size)).ok
        ]

    def predictions(self, rows: pd.DataFrame) -> list[dict]:
        """`prediction` rows: loss of each held-out size; `measured` the mean loss of its runs, `inside` how many of
        them lie in the interval."""
        made = []
        for size in held_out_sizes(rows):
            at, runs = self.predict(parameters_of(rows, size)), rows[rows["size"] == size]
            made.append(
                {
                    "kind": "prediction",
                    "task": "all",
                    "metric": "loss_nats",
                    "series": rows.series.iloc[0],
                    "size": size,
                    "value": at.estimate,
                    "low": at.low,
                    "high": at.high,
                    "status": at.status,
                    "num_parameters": parameters_of(rows, size),
                    "measured": runs.loss_nats.mean(),
                    "num_inside": int(runs.loss_nats.between(at.low, at.high).sum()),
                    "num_runs": len(runs),
                }
            )
        return made

    def held_out_error(self, rows: pd.DataFrame, of_mean: bool = False) -> Estimate:
        """Measured minus predicted loss at the largest held-out size over the loss range of the fitted sizes. of_mean:
        with the interval of the mean of the measured runs, for two one-sided tests, in place of one run's."""
        sizes = held_out_sizes(rows)
        if not sizes:
            return failed("no size is held out")
        num_runs = int((rows["size"] == sizes[-1]).sum()) if of_mean else 1
        at = self.predict(parameters_of(rows, sizes[-1]), num_runs, TWO_ONE_SIDED if of_mean else 0.95)
        if not at.ok:
            return at
        by_size = self.fitted.groupby("num_nonembedding_parameters").loss_nats.mean()
        measured, span = float(rows[rows["size"] == sizes[-1]].loss_nats.mean()), float(by_size.max() - by_size.min())
        return Estimate(
            (measured - at.estimate) / span, (measured - at.high) / span, (measured - at.low) / span, at.status
        )


def unexplained_share(rows: pd.DataFrame) -> Estimate:
    """1 - R^2 of the law over all sizes, per degree of freedom; interval from the chi-square law of its residual
    variance. All of it where size does not explain the loss at all, so that there is no law to fit."""
    loss = rows.loss_nats.to_numpy(float)
    law = fit_loss_law(rows.num_nonembedding_parameters.to_numpy(float), loss, num_replicates=2)
    if law.status.startswith(NO_RELATION):
        return Estimate(1.0, np.nan, np.nan, "ok: size does not explain the loss")
    if not law.status.startswith("ok"):
        return failed(law.status.removeprefix("failed: "))
    freedom = len(loss) - NUM_PARAMS
    residual = float(np.sum((loss - law.predict(rows.num_nonembedding_parameters.to_numpy(float))) ** 2))
    total = float(np.sum((loss - loss.mean()) ** 2)) / (len(loss) - 1)
    ends = residual / stats.chi2.ppf([0.975, 0.025], freedom) / total
    return Estimate(residual / freedom / total, float(ends[0]), float(ends[1]))


def answer_loss_parts(passes: pd.DataFrame, task: str) -> list:
    """Points, law and the statistic `floor_share` of the loss per answer token (reference answer and stop,
    teacher-forced) over the items that any run of a series passes."""
    rows = select_passes(passes, task)
    pooled = pooled_rates(rows)
    parts, floors = [], {}
    for series in series_names(rows):
        one = rows[rows.series == series]
        passable = one.groupby("item_id").passes.transform("max") > 0
        points = answer_losses(one[passable], pooled)
        law = (
            fit_loss_law(points.num_parameters.to_numpy(float), points.value.to_numpy(float), NUM_REPLICATES)
            if len(points)
            else None
        )
        floors[series] = floor_of(law, points)
        if floors[series].ok:
            sizes = np.geomspace(points.num_parameters.min(), points.num_parameters.max(), NUM_CURVE_POINTS)
            parts.append(
                pd.DataFrame(
                    {
                        "kind": "fit",
                        "task": task,
                        "metric": "answer_loss_law",
                        "series": series,
                        "num_parameters": sizes,
                        "value": law.predict(sizes),
                    }
                )
            )
        parts.append(points)
    return [
        *parts,
        [statistic_row(rows, task, "left_chance", has_passed(pooled, task))],
        joined_statistic(rows, task, "floor_share", floors, too_high),
        *([mean_over_series(rows, task, "answer_floor_share", floors)] if task in LAW_TASKS else []),
    ]


def floor_of(law: LossLawFit | None, points: pd.DataFrame) -> Estimate:
    """Irreducible part of the answer loss by its law (None: no item passed) as a share of the smallest model's mean;
    points: num_parameters, value."""
    if law is None or not law.status.startswith("ok"):
        return failed(law.status if law else "no item passed")
    smallest = float(points[points.num_parameters == points.num_parameters.min()].value.mean())
    return Estimate(*(end / smallest for end in (law.l_inf.estimate, law.l_inf.low, law.l_inf.high)), law.l_inf.status)


def answer_losses(rows: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """Mean loss per answer token over the items of each run, in nats, with its 95 % interval over items, as measured
    points."""
    losses = (-rows.answer_log_likelihood / rows.answer_tokens).groupby(rows.run)
    table = pooled[pooled.run.isin(losses.groups)].set_index("run")
    value, half = losses.mean(), 1.96 * losses.std(ddof=1).fillna(0.0) / np.sqrt(losses.size())
    columns = ["task", "series", "size", "seed", "tokens_seen", "compute_flops", "loss_nats", "is_held_out"]
    points = table[columns].assign(
        kind="checkpoint",
        metric="answer_loss_nats",
        value=value,
        low=value - half,
        high=value + half,
        num_items=losses.size(),
        status="ok",
        num_parameters=table.num_nonembedding_parameters,
    )
    return points.assign(seed=points.seed.astype(str)).reset_index()


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
