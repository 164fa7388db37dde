"""The table of stages: each hangs on all the code it can reach, and on nothing that a change of which would not matter
to it."""

import pytest

from experiments import experiment_stems
from paper.claims import PAPERS
from profiles.paths import ROOT, Paths
from profiles.profile import default_profile, headline_papers, profile_names
from reproduction.pipeline_stages import (
    all_stages,
    code_dependencies,
    imported_modules,
    module_file,
    tables_read,
)

PROFILES = profile_names()
# The folders of both papers (DESIGN, section 4).
STEMS = {
    "loss_fig1_model_sizes",
    "loss_tab1_tasks",
    "loss_tab2_correlations",
    "loss_fig2_token_budgets",
    "loss_fig4_metrics",
    "loss_fig5_intermediate",
    "loss_fig6_compute",
    "loss_fig8_bigbench",
    "loss_tab3_corpus",
    "loss_tab45_hyperparameters",
    "loss_eq5_size_threshold",
    "passuntil_fig1_resolution",
    "passuntil_fig2_decoding",
    "passuntil_fig3_loss_law",
    "passuntil_fig4_task_law",
    "passuntil_tab1_prediction",
    "passuntil_fig5_instances",
    "passuntil_fig6_instance_law",
    "passuntil_fig7_growth",
    "passuntil_fig8_circuits",
    "passuntil_thm1_estimators",
    "ext_threshold_resolution",
}


def outs(stage):
    return [next(iter(out)) for out in stage["outs"]]


def test_every_figure_and_table_has_a_stage():
    assert set(experiment_stems()) >= STEMS
    assert set(all_stages("cpu")) >= STEMS | {
        "train",
        "evaluate",
        "train_series",
        "pass_rates",
        "threshold_pass_rates",
        "verdicts",
        "report",
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_every_dependency_exists_or_is_made_by_an_earlier_stage(profile):
    made = {Paths(profile).data.relative_to(ROOT).as_posix()} if Paths(profile).is_default else set()
    for name, stage in all_stages(profile).items():
        for dependency in stage["deps"]:
            # Rooms and files of code are there; everything else comes from a stage above, in this order.
            assert (
                dependency in made
                or (ROOT / dependency).exists()
                and not dependency.startswith(("results/", "figures/"))
            ), f"{name}: {dependency}"
        made |= set(outs(stage))


def test_no_two_profiles_write_one_file():
    seen = {}
    for profile in PROFILES:
        for stage in all_stages(profile).values():
            for path in outs(stage):
                assert path not in seen, f"{profile} and {seen.get(path)}: {path}"
                seen[path] = profile


def test_profile_stands_in_every_cached_path():
    for profile in PROFILES:
        for stage in all_stages(profile).values():
            assert all(
                f"/{profile}/" in next(iter(out))
                for out in stage["outs"]
                if next(iter(out.values())).get("cache", True)
            )


def test_training_hangs_on_its_rooms_and_not_on_figures():
    stage = all_stages(default_profile())["train"]
    assert {"models", "corpus"} <= set(stage["deps"])
    assert not {"analysis", "evaluation", "experiments/style/plotting.py", "ladder/pool.py"} & set(stage["deps"])
    assert not any("cost" in section or "sweep" in section for param in stage["params"] for section in param.values())


def test_finished_runs_survive_a_rerun():
    stages = all_stages(default_profile())
    work = ("train", "evaluate", "train_series", "pass_rates", "threshold_pass_rates")
    kept = {path: options for name in work for out in stages[name]["outs"] for path, options in out.items()}
    joined = ("scores.parquet", "pass_rates.parquet", "series_losses.csv")
    assert len(kept) == 12 and all(
        options.get("persist") for path, options in kept.items() if not path.endswith(joined)
    )


def test_a_folder_hangs_on_the_tables_it_reads():
    paths = Paths("smoke")
    read = {stem: [path.name for path in tables_read(paths, stem)] for stem in STEMS}
    assert read["loss_fig2_token_budgets"] == ["scores.parquet", "runs.csv"]
    assert read["passuntil_fig1_resolution"] == ["pass_rates.parquet"]
    assert read["passuntil_fig3_loss_law"] == ["pass_rates.parquet", "series_losses.csv"]
    assert read["passuntil_thm1_estimators"] == []
    assert read["ext_threshold_resolution"] == ["threshold_pass_rates.parquet", "scores.parquet", "runs.csv"]
    assert "results/smoke/scores.parquet" not in all_stages("smoke")["passuntil_fig1_resolution"]["deps"]


def test_training_of_the_series_does_not_hang_on_how_they_are_measured():
    stages = all_stages("smoke")
    assert not {"evaluation", "analysis", "ladder/pass_rates.py"} & set(stages["train_series"]["deps"])
    assert {"evaluation", "tasks", "ladder/campaign.py"} <= set(
        stages["pass_rates"]["deps"]
    ) and "analysis" not in stages["pass_rates"]["deps"]
    (sections,) = (section for param in stages["train_series"]["params"] for section in param.values())
    assert "passuntil.sizes" in sections and not any(
        "sampling" in section or section == "passuntil" for section in sections
    )


def test_the_report_comes_last_and_each_paper_stands_in_readme_once():
    shown = [paper for profile in PROFILES for paper in headline_papers(profile)]
    assert sorted(shown) == sorted(PAPERS)
    for profile in PROFILES:
        stages = all_stages(profile)
        assert list(stages)[-2:] == ["verdicts", "report"]
        assert stages["report"]["cmd"].split()[5:] == [
            word for paper in headline_papers(profile) for word in ("--readme", paper)
        ]


def test_imports_are_followed(tmp_path):
    source = tmp_path / "a.py"
    source.write_text(
        "import numpy\nfrom experiments import plotting\ndef f():\n    from corpus.world import make_world\n"
    )
    assert {"numpy", "experiments.style.plotting", "corpus.world"} <= imported_modules(source)


def test_dependencies_reach_through_files():
    reached = code_dependencies(["ladder.scores"])
    assert {"evaluation", "models", "tasks", "corpus", "ladder/plan.py"} <= set(reached)
    assert "ladder/pool.py" not in reached and "analysis" not in reached


def test_modules_of_others_have_no_file_here():
    assert module_file("numpy.linalg") is None
    assert module_file("profiles.profile") == ROOT / "experiments" / "profiles/profile.py"
