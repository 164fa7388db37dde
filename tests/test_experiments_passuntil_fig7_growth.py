"""Kinds of growth: planted bends are found and counted, straight laws are not bent, and verdicts follow; tables that
show nothing say so."""

import pandas as pd
import pytest

from experiments.passuntil_fig7_growth import measure as growth
from experiments.passuntil_fig7_growth import plot
from experiments.style.stage import plot_stage
from experiments.tables.names import UICL_TASKS
from experiments.tables.passes import pooled_rates, select_passes
from experiments.tables.results import write_results
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import Paths
from tests.planted_pass_rates import PassPlant, pass_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == growth.STEM}
STRONG = {"num_items": 40, "log_hazard": 2.7, "alpha": 0.3}


def measured(folder, **plant) -> tuple[Paths, pd.DataFrame]:
    paths = Paths("smoke", folder)
    return paths, write_results(
        paths.results_csv(growth.STEM), growth.measure(pass_table(PassPlant(**(STRONG | plant))), paths)
    )


def verdict(paths: Paths, claim: str, task: str) -> str:
    return verdict_of(CLAIMS[claim], task, Statistics(paths.results_csv(growth.STEM)), "smoke")["verdict"]


def test_bends_of_all_subtasks_are_accelerated(tmp_path):
    paths, table = measured(tmp_path, bends=dict.fromkeys(UICL_TASKS, -0.1))
    assert verdict(paths, "accelerated_count", "all") == "replicated"
    assert {verdict(paths, "accelerated", task) for task in UICL_TASKS} == {"replicated"}
    rows = table[table.kind == "growth"].set_index("task")
    assert (rows.loc[list(UICL_TASKS), "metric"] == "accelerated").all() and rows.loc[
        "emoji_movie", "metric"
    ] != "accelerated"
    assert (rows.p_holm.astype(float) >= rows.p_value.astype(float)).all()
    exact = table[(table.metric == "bend_exact") & (table.kind == "statistic")].set_index("task")
    assert (exact.loc[list(UICL_TASKS), "high"].astype(float) < 0).all()


def test_convex_growth_is_the_opposite(tmp_path):
    paths, _ = measured(tmp_path, bends=dict.fromkeys(UICL_TASKS, 0.1), log_hazard=2.0)
    assert verdict(paths, "accelerated_count", "all") == "not replicated"
    assert verdict(paths, "accelerated", "uicl_dates") == "not replicated"


def test_weakest_series_is_judged(tmp_path):
    straight = pass_table(PassPlant(**STRONG, series=("prose",), noise_seed=1, bends=dict.fromkeys(UICL_TASKS, 0.06)))
    bent = pass_table(PassPlant(**STRONG, series=("code",), bends=dict.fromkeys(UICL_TASKS, -0.1)))
    paths = Paths("smoke", tmp_path)
    table = write_results(paths.results_csv(growth.STEM), growth.measure(pd.concat([bent, straight]), paths))
    assert verdict(paths, "accelerated_count", "all") == "not replicated"
    assert set(table[table.kind == "growth"].series) == {"prose", "code"}
    assert all(path.stat().st_size > 1000 for path in plot_stage(paths, growth.STEM, plot.draw, plot.table))


def test_censored_items_and_runs_without_a_pass_are_counted_and_kept(tmp_path):
    _paths, table = measured(tmp_path, log_hazard=3.7, cap=20_000)
    points = table[(table.metric == "pass_rate") & (table.task == "uicl_dates")]
    assert (points.num_censored.astype(float) > 0).any() and (points.value == 0).any() and len(points) == 7
    assert "could be tested" in table[table.metric == "num_accelerated"].status.iloc[0]


def test_nothing_ever_passes(tmp_path):
    paths, _table = measured(tmp_path, log_hazard=4.5, alpha=0.05, cap=100)
    assert verdict(paths, "accelerated", "uicl_dates") == "not reached"
    assert verdict(paths, "accelerated_count", "all") == "inconclusive"
    assert plot_stage(paths, growth.STEM, plot.draw, plot.table)


@pytest.mark.parametrize("tail", [0.05, 0.05 / 8])
def test_interval_widens_with_the_number_of_tasks(tail):
    pooled = pooled_rates(select_passes(pass_table(PassPlant(**STRONG), ("uicl_dates",)), "uicl_dates"))
    plain, wide = (growth.curvature(pooled, share).quadratic for share in (0.05, tail))
    assert wide.high - wide.low >= plain.high - plain.low
