"""Single items: planted laws, exponents and losses come out as their verdicts, and so do their opposites."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.passuntil_fig5_instances import measure as instances
from experiments.passuntil_fig5_instances import plot
from experiments.style.stage import plot_stage
from experiments.tables.names import ITEM_TASKS
from experiments.tables.results import write_results
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import Paths
from tests.planted_pass_rates import PassPlant, pass_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == instances.STEM}
STRONG = {"num_items": 40, "log_hazard": 2.7, "alpha": 0.3}


def measured(folder, monkeypatch, passes: pd.DataFrame, tasks: tuple[str, ...] = ("emoji_movie",)) -> Paths:
    paths = Paths("smoke", folder)
    monkeypatch.setattr(instances, "ITEM_TASKS", tasks)
    write_results(paths.results_csv(instances.STEM), instances.measure(passes, paths))
    return paths


def verdicts(paths: Paths, task: str = "emoji_movie") -> dict[str, str]:
    statistics = Statistics(paths.results_csv(instances.STEM))
    return {name: verdict_of(claim, task, statistics, "smoke")["verdict"] for name, claim in CLAIMS.items()}


def test_what_the_paper_says_is_replicated(tmp_path, monkeypatch):
    found = verdicts(
        measured(tmp_path, monkeypatch, pass_table(PassPlant(**STRONG, alpha_spread=0.1), ("emoji_movie",)))
    )
    assert found == dict.fromkeys(("item_law", "item_exponents", "item_loss"), "replicated")


def test_items_that_step_have_no_law_of_their_own(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG, item_noise=0.6, alpha_spread=0.0), ("emoji_movie",))
    assert verdicts(measured(tmp_path, monkeypatch, passes))["item_law"] == "not replicated"


def test_one_exponent_for_all_items(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG, alpha_spread=0.0, item_noise=0.02), ("emoji_movie",))
    assert verdicts(measured(tmp_path, monkeypatch, passes))["item_exponents"] == "not replicated"


def test_a_loss_that_tells_nothing(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG), ("emoji_movie",))
    shuffled = np.random.default_rng(0).permutation(passes.item_id.unique())
    other = passes.set_index(["run", "method", "item_id"]).answer_log_likelihood
    keys = pd.MultiIndex.from_arrays([passes.run, passes.method, shuffled[passes.item_id]])
    passes = passes.assign(answer_log_likelihood=other.loc[keys].to_numpy())
    assert verdicts(measured(tmp_path, monkeypatch, passes))["item_loss"] == "not replicated"


def test_folder_draws_two_series_and_tasks_without_a_pass(tmp_path, monkeypatch):
    tasks = ("emoji_movie", "maths")
    passes = pass_table(PassPlant(**STRONG, series=("prose", "code")), ITEM_TASKS)
    nothing = pass_table(
        PassPlant(**(STRONG | {"log_hazard": 4.5, "alpha": 0.01}), series=("prose", "code")), ("maths",)
    )
    passes = pd.concat([passes[passes.task != "maths"], nothing])
    paths = measured(tmp_path, monkeypatch, passes, ITEM_TASKS)
    assert set(verdicts(paths, tasks[1]).values()) == {"not reached"}
    assert plot_stage(paths, instances.STEM, plot.draw)[0].stat().st_size > 10_000


@pytest.mark.parametrize("name", ["item_law_r2", "loss_rank"])
def test_statistics_say_how_many_cells_they_rest_on(tmp_path, monkeypatch, name):
    paths = measured(tmp_path, monkeypatch, pass_table(PassPlant(**STRONG, share_unpassable=0.3), ("emoji_movie",)))
    assert "F defined in" in Statistics(paths.results_csv(instances.STEM)).row("emoji_movie", name).status


def test_a_run_whose_items_all_tie_is_left_out(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG), ("emoji_movie",))
    whole = Statistics(measured(tmp_path / "whole", monkeypatch, passes).results_csv(instances.STEM)).row(
        "emoji_movie", "loss_rank"
    )
    run = passes.run.unique()[-1]
    tied = passes.assign(answer_log_likelihood=passes.answer_log_likelihood.where(passes.run != run, -1.0))
    row = Statistics(measured(tmp_path / "tied", monkeypatch, tied).results_csv(instances.STEM)).row(
        "emoji_movie", "loss_rank"
    )
    num_runs = passes.run.nunique()
    assert whole.status.startswith(f"ok: {num_runs} of {num_runs} runs") and row.status.startswith(
        f"ok: {num_runs - 1} of {num_runs} runs"
    )
    assert abs(row.value - whole.value) < 0.1 and row.low < row.value < row.high


def test_mid_ranks_are_those_of_scipy():
    places = np.random.default_rng(0).integers(0, 9, 60)
    np.testing.assert_array_equal(instances.mid_ranks(places), stats.rankdata(places))
    np.testing.assert_array_equal(instances.mid_ranks(np.array([4, 0, 4])), [2.5, 1.0, 2.5])
