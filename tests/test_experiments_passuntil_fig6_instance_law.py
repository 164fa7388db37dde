"""Item laws at held-out sizes: ranges cover what was planted, a change between the sizes is seen, the loss helps where
it tells something."""

import numpy as np
import pandas as pd

from experiments.passuntil_fig6_instance_law import measure as instance_law
from experiments.passuntil_fig6_instance_law import plot
from experiments.style.stage import plot_stage
from experiments.tables.names import ITEM_TASKS
from experiments.tables.results import write_results
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import Paths
from tests.planted_pass_rates import PassPlant, pass_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == instance_law.STEM}
STRONG = {"num_items": 60, "log_hazard": 2.9, "alpha": 0.35, "run_noise": 0.005}


def measured(
    folder, monkeypatch, passes: pd.DataFrame, tasks: tuple[str, ...] = ("emoji_movie",)
) -> tuple[Paths, dict[str, str]]:
    paths = Paths("smoke", folder)
    monkeypatch.setattr(instance_law, "ITEM_TASKS", tasks)
    write_results(paths.results_csv(instance_law.STEM), instance_law.measure(passes, paths))
    statistics = Statistics(paths.results_csv(instance_law.STEM))
    return paths, {
        name: verdict_of(claim, "emoji_movie", statistics, "smoke")["verdict"] for name, claim in CLAIMS.items()
    }


def test_planted_items_are_predicted_and_the_loss_helps(tmp_path, monkeypatch):
    paths, found = measured(tmp_path, monkeypatch, pass_table(PassPlant(**STRONG), ("emoji_movie",)))
    assert found["loss_assistance"] == "replicated" and found["instance_calibration"] in ("replicated", "inconclusive")
    statistics = Statistics(paths.results_csv(instance_law.STEM))
    assert statistics.number("emoji_movie", "item_coverage")[0] > 0.88
    assert abs(statistics.number("emoji_movie", "mean_deviation_percent")[0]) < 25


def test_a_jump_at_the_held_out_sizes_is_missed_by_the_laws(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG, held_out_shift=-0.5), ("emoji_movie",))
    passes = passes.assign(
        answer_log_likelihood=np.where(
            passes.is_held_out, passes.answer_log_likelihood / np.exp(-0.5), passes.answer_log_likelihood
        )
    )
    paths, found = measured(tmp_path, monkeypatch, passes)
    assert found["instance_calibration"] == "not replicated"
    assert Statistics(paths.results_csv(instance_law.STEM)).number("emoji_movie", "mean_deviation_percent")[0] < -30


def test_a_misleading_loss_makes_predictions_worse(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG), ("emoji_movie",))
    shrinking = passes.num_nonembedding_parameters ** np.where(passes.item_id % 2, 0.15, -0.15)
    _, found = measured(
        tmp_path, monkeypatch, passes.assign(answer_log_likelihood=passes.answer_log_likelihood * shrinking)
    )
    assert found["loss_assistance"] != "replicated"


def test_ranges_hold_sampling_and_the_cap():
    mean, spread = np.log(-np.log(np.array([0.2, 1e-3, 1e-7]))), np.full(3, 1e-6)
    rate, low, high = instance_law.predicted_ranges(mean, spread, 10, 100_000.0)
    np.testing.assert_allclose(rate, [0.2, 1e-3, 1e-7], rtol=1e-3)
    assert low[0] < 0.12 and high[0] > 0.3 and low[2] == 0 and high[2] <= 2e-5
    wide = instance_law.predicted_ranges(mean, np.full(3, 0.3), 10, 100_000.0)
    assert wide[1][1] < low[1] and wide[2][1] > high[1]


def test_folder_draws_all_tasks_and_those_without_a_pass(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG, series=("prose", "code")), ITEM_TASKS)
    nothing = pass_table(
        PassPlant(**(STRONG | {"log_hazard": 4.5, "alpha": 0.01}), series=("prose", "code")), ("emoji_movie",)
    )
    paths, found = measured(
        tmp_path, monkeypatch, pd.concat([passes[passes.task != "emoji_movie"], nothing]), ITEM_TASKS
    )
    assert set(found.values()) == {"not reached"}
    assert plot_stage(paths, instance_law.STEM, plot.draw)[0].stat().st_size > 10_000


def test_without_held_out_sizes_it_says_so(tmp_path, monkeypatch):
    passes = pass_table(PassPlant(**STRONG), ("emoji_movie",)).assign(is_held_out=False)
    paths, found = measured(tmp_path, monkeypatch, passes)
    assert set(found.values()) == {"inconclusive"}
    assert (
        "no size is held out"
        in Statistics(paths.results_csv(instance_law.STEM)).row("emoji_movie", "item_coverage").status
    )
