"""Profiles: what a user can get wrong is one line that names file, field and remedy, and no two profiles share a
path."""

import argparse
import shutil

import pytest
import yaml

from profiles import profile
from profiles.paths import ROOT, Paths
from profiles.profile import ProfileError, data_plan, load_profile, profile_names, run_command


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root of its own with the real profiles, to spoil one of them."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setattr(profile, "ROOT", tmp_path)
    return tmp_path


def spoil(root, change):
    path = root / "profiles" / "smoke.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize("name", profile_names())
def test_committed_profiles_are_valid(name):
    assert load_profile(name).name == name


SPOILS = {
    "unknown field": (lambda c: c["training"].update(lerning_rate=1.0), "field training.lerning_rate is unknown"),
    "missing field": (lambda c: c["training"].pop("beta2"), "field training.beta2 is missing"),
    "text for a number": (
        lambda c: c["training"].update(batch_sequences="16"),
        "field training.batch_sequences is '16'",
    ),
    "fraction of a token": (lambda c: c["long_runs"].update(tokens=1.5), "field long_runs.tokens is 1.5"),
    "yaml 1.1 float": (lambda c: c["sizes"]["10k"].update(max_lr="1e-2"), "field sizes.10k.max_lr is '1e-2'"),
    "format of the machine": (
        lambda c: c["training"].update(precision="auto"),
        "field training.precision is 'auto'; input should be 'fp32' or 'bf16'",
    ),
    "negative": (lambda c: c["training"].update(grad_clip=-1.0), "field training.grad_clip is -1.0"),
    "heads do not divide": (
        lambda c: c["sizes"]["10k"].update(num_heads=5),
        "field sizes.10k: d_model 24 is not an even multiple of num_heads 5",
    ),
    "kv heads do not divide": (
        lambda c: c["sizes"]["10k"].update(num_heads=2, num_kv_heads=3),
        "field sizes.10k: num_heads 2 is not a multiple of num_kv_heads 3",
    ),
    "unknown size": (lambda c: c["long_runs"]["sizes"].append("9k"), "long_runs.sizes: size '9k' is not in sizes"),
    "no cost": (
        lambda c: c["cost"]["core_tokens_per_second"].pop("10k"),
        "cost.core_tokens_per_second: size '10k' is missing",
    ),
    "budget twice": (
        lambda c: c["small_runs"]["budgets"]["10k"].append(200000),
        "small_runs.budgets.10k: a budget stands twice",
    ),
    "budget below warm-up": (
        lambda c: c["small_runs"]["budgets"]["10k"].append(100),
        "small_runs.budgets.10k: 100 tokens is less than twice",
    ),
    "no seeds": (lambda c: c["long_runs"].update(seeds=[]), "field long_runs.seeds is []"),
    "unknown schedule": (lambda c: c["small_runs"].update(schedule="linear"), "field small_runs.schedule is 'linear'"),
    "name of another": (lambda c: c.update(name="cpu"), "field name is 'cpu'; write 'smoke'"),
}


@pytest.mark.parametrize("case", SPOILS)
def test_a_spoilt_profile_is_one_clear_line(root, case):
    change, expected = SPOILS[case]
    spoil(root, change)
    with pytest.raises(ProfileError) as caught:
        load_profile("smoke")
    message = str(caught.value)
    assert message.startswith("profiles/smoke.yaml: ") and expected in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "expected"), [("", "holds no fields"), ("a: [", "not readable as yaml"), ("- 1\n", "holds no fields")]
)
def test_a_file_that_is_no_profile(root, content, expected):
    (root / "profiles" / "smoke.yaml").write_text(content)
    with pytest.raises(ProfileError, match=expected):
        load_profile("smoke")


def test_an_absent_profile_names_those_that_exist(root):
    with pytest.raises(ProfileError, match=r"profiles/big.yaml: no such profile; choose one of cpu, full"):
        load_profile("big")


def test_profiles_never_share_a_path():
    seen = {}
    for name in profile_names():
        paths = Paths(name)
        for path in (
            paths.data,
            paths.runs("loss"),
            paths.runs_table("loss"),
            paths.run_tables("scores"),
            paths.scores,
            paths.items,
            paths.runs("passuntil"),
            paths.runs_table("passuntil"),
            paths.run_tables("pass_rates"),
            paths.pass_rates,
            paths.losses,
            paths.run_tables("threshold_pass_rates"),
            paths.threshold_pass_rates,
            paths.results_csv("x"),
            paths.figure("x"),
            paths.verdicts,
        ):
            assert path not in seen, f"{name} and {seen.get(path)} both write {path}"
            seen[path] = name


def test_no_profile_is_special():
    for name in ("cpu", "smoke"):
        paths = Paths(name)
        assert paths.results_csv("loss_fig1") == ROOT / "results" / name / "loss_fig1.csv"
        assert paths.figure("loss_fig1") == ROOT / "figures" / name / "loss_fig1.png"
        assert paths.verdicts == ROOT / "results" / name / "verdicts.json"


def test_data_plan_freezes_one_stream_per_seed(root):
    spoil(root, lambda c: c["small_runs"].update(seeds=[3]))
    plan = data_plan("smoke")
    frozen = load_profile("smoke").corpus.train_tokens
    assert plan["corpus"]["train_tokens"] == {0: frozen, 3: frozen} and plan["out"] == Paths("smoke").data
    spoil(root, lambda c: c["corpus"].update(train_tokens=0))
    assert data_plan("smoke")["corpus"]["train_tokens"] == {}


def test_data_plan_freezes_the_series_of_paper_p(root):
    section, plan = load_profile("smoke").passuntil, data_plan("smoke")
    corpus = plan["passuntil_corpus"]
    assert corpus["series"] == {"prose": "prose"} and corpus["train_tokens"] == {0: section.tokens + 65536}
    assert corpus["sequence_length"] == 192 and corpus["validation_sequences"] == section.validation_sequences
    assert plan["passuntil_items"] == section.num_items
    assert data_plan("full")["passuntil_corpus"]["train_tokens"].keys() == {0, 1, 2}
    spoil(root, lambda c: c["corpus"].update(train_tokens=0))
    assert data_plan("smoke")["passuntil_corpus"]["train_tokens"] == {}, "drawn on the fly, as the stream of paper L"


def test_user_errors_exit_with_2_and_one_line(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["x"])

    def main(_):
        raise ProfileError("profiles/x.yaml: field y is z; repair it")

    with pytest.raises(SystemExit) as caught:
        run_command(main, argparse.ArgumentParser())
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: profiles/x.yaml: field y is z; repair it\n"


@pytest.mark.parametrize(
    "text,message",
    [
        ("profile: nosuch\n", "params.yaml: field profile is 'nosuch', no such profile; choose one of cpu, full"),
        ("headline: {}\n", "field profile is None"),
        ("profile: [cpu]\n", "field profile is ..cpu"),
        ("profile: 5\n", "field profile is 5"),
        ("", "params.yaml: holds no fields"),
        ("profile: [\n", "params.yaml: not readable as yaml"),
        ("- cpu\n", "params.yaml: holds no fields"),
        ("profile: cpu\nprofile: full\n", "field profile stands twice"),
        ("<<<<<<< HEAD\nprofile: cpu\n", "not readable as yaml"),
        ("\udcff", "params.yaml: not readable as UTF-8"),
        ("profile: ../cpu\n", "field profile is '../cpu'"),
    ],
)
def test_a_broken_params_file_is_one_line(root, capsys, monkeypatch, text, message):
    (root / "params.yaml").write_text(text, errors="surrogateescape")
    with pytest.raises(ProfileError, match=message):
        profile.default_profile()
    monkeypatch.setattr("sys.argv", ["x"])
    parser = argparse.ArgumentParser()
    profile.add_profile_option(parser)
    with pytest.raises(SystemExit) as caught:
        run_command(lambda arguments: print(arguments.profile), parser)
    line = capsys.readouterr().err
    assert caught.value.code == 2 and line.startswith("error: params.yaml: ") and line.count("\n") == 1


def test_the_default_profile_is_that_of_params(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["x"])
    parser = argparse.ArgumentParser()
    profile.add_profile_option(parser)
    with pytest.raises(SystemExit) as caught:
        run_command(lambda arguments: print(arguments.profile), parser)
    assert caught.value.code == 0 and capsys.readouterr().out == f"{profile.default_profile()}\n"


@pytest.mark.parametrize("headline", ["headline: {L: nosuch}", "headline: full", "headline: [L]", ""])
def test_a_broken_headline_is_one_line(root, headline):
    (root / "params.yaml").write_text(f"profile: cpu\n{headline}\n")
    with pytest.raises(ProfileError, match="^params.yaml: field headline"):
        profile.headline_papers("cpu")


@pytest.mark.parametrize(
    "text", ["", "[", "- a", "name: [smoke", "1: 2", "name: smoke\nname: smoke", "\udcff", "[" * 3000]
)
def test_a_broken_profile_is_one_line(root, text):
    (root / "profiles" / "smoke.yaml").write_text(text, errors="surrogateescape")
    with pytest.raises(ProfileError, match="^profiles/smoke.yaml: ") as caught:
        load_profile("smoke")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            PermissionError(13, "Permission denied", "runs.csv"),
            1,
            "error: runs.csv: Permission denied; make the place writable for this user and start again\n",
        ),
        (
            OSError(28, "No space left on device", "runs.csv"),
            1,
            "error: runs.csv: No space left on device; free some space and start again, finished work is kept\n",
        ),
        (KeyboardInterrupt(), 130, "stopped; start the same command again\n"),
    ],
    ids=["read-only", "full disk", "ctrl-c"],
)
def test_a_disk_that_fails_and_ctrl_c_are_one_line(capsys, monkeypatch, error, code, line):
    monkeypatch.setattr("sys.argv", ["x"])

    def main(_):
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(main, argparse.ArgumentParser())
    assert caught.value.code == code and capsys.readouterr().err == line
