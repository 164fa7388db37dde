"""Theorem 1 of paper P: the sums over outcomes are the known formulas, the simulation agrees with them, and the
verdicts are those of the mathematics."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.passuntil_thm1_estimators import measure as thm1
from experiments.passuntil_thm1_estimators import plot
from experiments.style.stage import plot_stage
from experiments.tables.stage import measure_stage, no_table
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import Paths

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == thm1.STEM}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The real thing: it takes seconds."""
    paths = Paths("smoke", tmp_path_factory.mktemp("thm1"))
    return paths, measure_stage(paths, thm1.STEM, thm1.measure, no_table)


def cell(table: pd.DataFrame, metric: str, p: float, target: int) -> pd.Series:
    return table[
        (table.metric == metric) & np.isclose(table.pass_rate.astype(float), p) & (table.num_target == target)
    ].iloc[0]


@pytest.mark.parametrize("target", [1, 3, 10])
def test_laws_are_complete_and_their_mean_is_known(target):
    law = thm1.stopped_law(0.01, target)
    assert law.weight.sum() == pytest.approx(1, abs=1e-8)
    assert law.weight @ law.attempts == pytest.approx(target / 0.01, rel=1e-6)
    fixed = thm1.fixed_law(0.01, 700)
    assert fixed.weight @ fixed.passes == pytest.approx(7.0) and not fixed.num_target


def test_bias_has_its_closed_form(results):
    _, table = results
    assert cell(table, "bias_ratio", 1e-3, 1).exact == pytest.approx(-np.log(1e-3) / (1 - 1e-3) - 1, rel=1e-3)
    assert cell(table, "bias_ratio", 1e-3, 10).exact == pytest.approx(1 / 9, rel=0.01)
    assert abs(cell(table, "bias_unbiased", 1e-3, 10).exact) < 1e-6
    assert cell(table, "bias_zero_at_cap", 5e-5, 10).exact < -0.9  # a cap written as 0 loses what was seen


def test_fixed_number_of_attempts_gets_the_exact_interval():
    law = thm1.fixed_law(0.03, 300)
    exact = [
        stats.binomtest(int(passes), int(attempts)).proportion_ci(0.95, "exact")
        for passes, attempts in np.broadcast(law.passes, law.attempts)
    ]
    np.testing.assert_array_equal(thm1.covers(law, 0.03)["exact"], [low <= 0.03 <= high for low, high in exact])


def test_simulation_agrees_with_the_sums(results):
    _, table = results
    cells = table[table.kind == "simulation"]
    assert cells.z.astype(float).abs().max() < 4.5  # of some 600 numbers
    assert np.sum(cells.z.astype(float).abs() > 1.96) < 0.12 * len(cells)


def test_verdicts_are_those_of_the_mathematics(results):
    paths, _ = results
    statistics = Statistics(paths.results_csv(thm1.STEM))
    verdicts = {name: verdict_of(claim, "all", statistics, "smoke")["verdict"] for name, claim in CLAIMS.items()}
    assert (
        verdicts["estimator_likelihood"] == verdicts["unbiased_estimator"] == verdicts["exact_interval"] == "replicated"
    )
    assert verdicts["estimator_bias"] == verdicts["estimator_small_target"] == "not replicated"
    assert (
        verdicts["likelihood_interval"] == "replicated"
        and verdicts["recommended_interval"] == "not replicated"
        and len(verdicts) == 7
    )


def test_a_biased_estimate_would_lose_its_verdict(results):
    _paths, table = results
    cells = table[table.kind == "simulation"].assign(
        exact=lambda t: t.exact.astype(float) + 0.1 * (t.metric == "bias_unbiased"), z=lambda t: t.z.astype(float)
    )
    numbers = {row["metric"]: row["value"] for row in thm1.statistics(cells)}
    assert numbers["unbiased_bias"] == pytest.approx(0.1) and abs(numbers["mid_p_coverage_gap"]) < 0.05


def test_error_of_f_falls_with_the_target():
    assert thm1.f_error(1e-3, 1) > thm1.f_error(1e-3, 2) > thm1.f_error(1e-3, 10) > 0.03


def test_figure_and_table_are_drawn_twice_alike(results):
    paths, _ = results
    files = plot_stage(paths, thm1.STEM, plot.draw, plot.table)
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in plot_stage(paths, thm1.STEM, plot.draw, plot.table)] == before and len(
        files
    ) == 2
