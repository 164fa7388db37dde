"""Circuits and steps: the verdict is won on held-out sizes, by the curve that made the data, and never by more
parameters."""

import numpy as np
import pandas as pd
import pytest

from analysis.task_law.growth_curves import CURVES
from experiments.passuntil_fig8_circuits import measure as circuits
from experiments.passuntil_fig8_circuits import plot
from experiments.style.stage import plot_stage
from experiments.tables.names import UICL_TASKS
from experiments.tables.results import write_results
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import Paths
from tests.planted_pass_rates import SIZES, PassPlant, pass_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == circuits.STEM}
STRONG = {"num_items": 40, "log_hazard": 2.7, "alpha": 0.3}


def pooled_of(curve: str, theta: list[float], seed: int = 0) -> pd.DataFrame:
    """Pooled counts of a series whose pass rate follows one of the curves."""
    sizes = np.repeat(list(SIZES.values()), 2)
    x = np.log(sizes) - np.log(sizes).mean()
    rng = np.random.default_rng(seed)
    rate = np.exp(-np.exp(CURVES[curve].curve(x, np.array(theta)) + 0.02 * rng.normal(size=len(x))))
    return pd.DataFrame(
        {
            "num_nonembedding_parameters": sizes,
            "size": sizes.astype(str),
            "is_held_out": sizes > 1e6,
            "passes": rng.binomial(200_000, rate),
            "attempts": 200_000,
        }
    )


def test_circuits_win_where_they_made_the_data_and_not_elsewhere():
    won = circuits.circuits_advantage(circuits.compared(pooled_of("circuits", [1.8, 0.1, 1.9, 0.7])))
    lost = circuits.circuits_advantage(circuits.compared(pooled_of("law", [1.6, 0.3])))
    assert won.ok and won.low > 0 and lost.ok and lost.estimate < 2
    assert won.high - won.low == pytest.approx(2 * circuits.UNDECIDED)


def test_steps_win_only_where_growth_is_convex():
    """Over several draws: from one, the second step is often not seen among the fitted sizes."""
    convex = [
        circuits.steps_advantage(circuits.compared(pooled_of("steps", [1.0, 0.15, 1.0, 0.5], seed))).estimate
        for seed in range(4)
    ]
    straight = [
        circuits.steps_advantage(circuits.compared(pooled_of("law", [1.6, 0.3], seed))).estimate for seed in range(4)
    ]
    assert np.mean(convex) > 2 > np.mean(straight)


def test_too_few_sizes_are_told():
    pooled = pooled_of("law", [1.6, 0.3])
    table = circuits.compared(pooled[pooled.num_nonembedding_parameters > 150_000])
    assert table.empty and circuits.circuits_advantage(table).status.startswith("failed: fewer than 4")
    assert circuits.compared(pooled.assign(is_held_out=False)).empty


def test_a_series_on_which_no_curve_converged_is_told_and_draws_none():
    pooled = pooled_of("law", [1.6, 0.3])
    table = circuits.compared(pooled).assign(status="failed: a parameter ran to its bound")
    assert circuits.drawn_curves(table, pooled, "uicl_dates", "prose").empty and len(
        circuits.circuit_curve_rows(table, "uicl_dates", "prose")
    ) == len(CURVES)
    assert not circuits.circuits_advantage(table).ok and not circuits.steps_advantage(table).ok


def test_the_picture_names_the_series_that_meets_the_criterion_least():
    one = pd.DataFrame(
        [
            {
                "kind": "statistic",
                "metric": "circuits_advantage",
                "value": -2.3,
                "low": -4.3,
                "high": -0.3,
                "status": "ok: best smooth curve cubic, series code",
            },
            {
                "kind": "statistic",
                "metric": "steps_advantage",
                "value": 0.4,
                "low": np.nan,
                "high": np.nan,
                "status": "ok: series prose",
            },
        ]
    )
    assert plot.advantage_text(one).startswith("two circuits - cubic: -2.3\n(code)\n")


@pytest.mark.parametrize("series", [("prose",), ("prose", "code")])
def test_folder_end_to_end(tmp_path, series):
    paths = Paths("smoke", tmp_path)
    passes = pass_table(PassPlant(**STRONG, series=series), UICL_TASKS)
    passes = passes[~((passes.task == "uicl_dates") & (passes.method == "shared"))]
    nothing = pass_table(
        PassPlant(**(STRONG | {"log_hazard": 4.5, "alpha": 0.01, "cap": 100}), series=series), ("uicl_dates",)
    )
    write_results(
        paths.results_csv(circuits.STEM),
        circuits.measure(pd.concat([passes, nothing[nothing.method == "shared"]]), paths),
    )
    statistics = Statistics(paths.results_csv(circuits.STEM))
    verdicts = {
        task: verdict_of(CLAIMS["steps_do_not_help"], task, statistics, "smoke")["verdict"] for task in UICL_TASKS
    }
    assert verdicts["uicl_dates"] == "not reached" and verdicts["uicl_unnatural_addition_2_digit"] == "replicated"
    assert len(plot_stage(paths, circuits.STEM, plot.draw, plot.table)) == 2
