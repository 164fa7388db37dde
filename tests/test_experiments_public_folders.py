"""The figure folders of public tables: committed results hold what the README's criteria ask for, with intervals."""

import numpy as np
import pytest

from experiments.public.folders import PROFILE, public_stems
from experiments.public.statistics import plain_number, statistic
from experiments.tables.results import read_results
from profiles.paths import ROOT, Paths
from public_tables.sources import SOURCES


def statistics(stem):
    results = read_results(Paths(PROFILE).results_csv(stem))
    return results[results.kind == "statistic"].set_index(["task", "metric"])


@pytest.mark.parametrize("stem", public_stems())
def test_results_name_their_sources_and_hold_no_number_without_a_status(stem):
    results = read_results(Paths(PROFILE).results_csv(stem))
    files = {source.file for source in SOURCES.values()}
    sources = results[results.kind == "source"]
    assert len(sources) and set(sources.metric) <= files and (sources.value > 0).all()
    found = results[results.kind == "statistic"]
    assert np.isfinite(found.value[found.status.str.startswith("ok")]).all()
    assert not (found.low > found.high).any()


@pytest.mark.parametrize("stem", public_stems())
def test_the_readme_states_criteria_and_commands(stem):
    text = (ROOT / "experiments" / "public" / stem / "README.md").read_text(encoding="utf-8")
    assert "**Criteri" in text and f"python -m experiments.public.{stem}.measure" in text


def test_letters_leave_chance_at_one_loss_and_cloze_does_not():
    found = statistics("ext_public_formats")
    share = found.loc[("all", "task_threshold_sd_share")]
    assert share.value < 0.02 and share.high < 0.10 and "7 tasks" in share.status
    assert found.loc[("all", "task_onset_mean_where_hinge")].value == pytest.approx(2.698, abs=0.001)
    assert found.loc[("all", "task_onset_sd_where_hinge")].value == pytest.approx(0.0033, abs=1e-4)
    for task, axis, centre in (("mmlu", "c4", 2.700), ("mmlu", "pile", 2.063), ("mmlu", "wikitext_103", 2.228)):
        assert found.loc[(task, f"letter_onset_mean_on_{axis}")].value == pytest.approx(centre, abs=0.001)
    assert found.loc[("mmlu", "letter_hinge_advantage")].value > 10
    assert found.loc[("mmlu", "cloze_hinge_advantage")].value < -100


def test_size_does_not_matter_at_equal_loss_within_a_family():
    olmo, shapes = statistics("loss_fig3_open_models"), statistics("ext_public_shapes")
    assert olmo.loc[("hellaswag", "rank_correlation")].value < -0.99
    assert olmo.loc[("hellaswag", "size_effect_final_ladder")].value == pytest.approx(-0.0235, abs=5e-4)
    for metric in ("size_effect_large", "shape_effect"):
        effects = shapes.xs(metric, level="metric")
        assert len(effects) == 9 and (effects.low > -0.05).all() and (effects.high < 0.05).all()
    assert shapes.loc[("arc_easy", "shape_effect")].value == pytest.approx(0.0117, abs=5e-4)
    assert shapes.xs("small_to_large", level="metric").status.str.contains("overlap over 5%").all()


def test_pythia_lies_on_one_curve_and_the_corpus_moves_it():
    found = statistics("loss_fig7_pythia")
    assert found.loc[("lambada", "rank_correlation")].value == pytest.approx(-0.991, abs=1e-3)
    twins = found.loc[("piqa", "group_effect")]
    assert twins.low.iloc[0] > 0 if hasattr(twins.low, "iloc") else twins.low > 0


def test_the_corpus_effect_turns_with_the_validation_set():
    found = statistics("ext_public_corpora")
    c4, own = (found.loc[("lambada", metric)] for metric in ("corpus_effect", "corpus_effect_on_redpajama"))
    assert (c4[c4.series == "C4 -> RedPajama"].low > 0).all() and (own[own.series == "C4 -> RedPajama"].high < 0).all()


def test_paper_p_predicts_real_models_too_high():
    found = read_results(Paths(PROFILE).results_csv("ext_public_pass_rates"))
    errors = found[(found.metric == "prediction_error") & (found.series == "5 sizes fitted, N total")].set_index("size")
    assert errors.loc["12B"].value == pytest.approx(0.97, abs=0.01) and errors.loc["12B"].low > 0.2
    assert errors.loc["6.9B"].value == pytest.approx(0.85, abs=0.01)
    lucky = found[(found.metric == "prediction_error") & (found["size"] == "2.8B")].set_index("series")
    assert abs(lucky.loc["4 sizes fitted, N total"].value) < 0.001 < 0.3 < lucky.loc["4 sizes fitted, N total"].high
    assist = found[found.metric == "assist_rank_correlation"]
    assert len(assist) == 9 and (assist.low > -0.8).all()


def test_letter_mmlu_leaves_chance_at_one_hellaswag_score_where_the_text_is_the_web():
    found = read_results(Paths(PROFILE).results_csv("ext_public_families")).set_index(["metric", "series"])
    places = [found.loc[("threshold_in_hellaswag", name)].value for name in ("DCLM", "OLMo-2")]
    assert places == pytest.approx([0.724, 0.724], abs=0.002)
    assert all(found.loc[("share_knowing_below", name)].value == 0 for name in ("DCLM", "Gadre", "OLMo-2"))
    assert "14 of 69" in found.loc[("share_knowing_below", "ObsScaling")].status


def test_the_law_beats_its_rivals_but_not_no_change_where_the_step_is_small():
    found = read_results(Paths(PROFILE).results_csv("ext_public_held_out"))
    found = found[found.kind == "statistic"].set_index(["size", "metric"])
    assert found.loc[("Gadre", "law_beats_no_change")].low > 0.5 > found.loc[("Pythia", "law_beats_no_change")].low


def test_hard_questions_do_not_get_worse_first_beyond_what_families_differ_by():
    found = statistics("ext_public_difficulty")
    assert found.loc[("all", "tasks_hardest_worse_below")].value == 0


def test_rows_of_statistics_carry_the_interval():
    from analysis.intervals import Estimate

    row = statistic("mmlu", "gain", Estimate(0.3, 0.2, 0.4), [1, 2], run="7B")
    assert (row["kind"], row["low"], row["high"], row["num_items"], row["run"]) == ("statistic", 0.2, 0.4, 2, "7B")
    assert np.isnan(plain_number("mmlu", "advantage", 3)["low"])
