"""`python -m corpus` and `python -m tasks`: together the data of a profile, whole or without a manifest; one line for
errors."""

import runpy
import sys

import pytest

from corpus import __main__ as corpus_command
from corpus import build as corpus_build
from files.lock import exclusive
from profiles.paths import Paths
from tasks import __main__ as tasks_command
from tests.test_tasks_build import CORPUS, PLAN, SMALL
from tests.test_tasks_build import build as build_data


@pytest.mark.parametrize("module", ["corpus", "tasks"])
def test_user_errors_are_one_line(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [module, "--profile", "nosuch"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(module, run_name="__main__")
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith("error: ") and error.count("\n") == 1 and "nosuch" in error


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Both commands with a small plan and a folder of their own; returns the folder of the results."""
    paths = Paths("small", tmp_path)
    plan = {"out": paths.results / "data", "corpus": CORPUS, "num_items": 20}
    plan |= {"passuntil_corpus": SMALL, "passuntil_items": 10}
    for module in (corpus_command, tasks_command):
        monkeypatch.setattr(module, "Paths", lambda name: paths)
        monkeypatch.setattr(module, "data_plan", lambda name: plan)
    return paths.results


class Arguments:
    profile, text = "small", None


def run_both():
    corpus_command.main(Arguments())
    tasks_command.main(Arguments())


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Manifest of the data that are built at once."""
    folder = tmp_path_factory.mktemp("expected")
    build_data(folder, **PLAN, passuntil_corpus=SMALL, passuntil_items=10)
    return (folder / "manifest.json").read_bytes()


@pytest.mark.parametrize("main", [corpus_command.main, tasks_command.main])
def test_two_builds_of_one_profile_are_refused_and_nothing_is_touched(main, command):
    with exclusive(command / ".lock", "profile small"):
        with pytest.raises(ValueError, match="profile small is in use by process"):
            main(Arguments())
        assert sorted(path.name for path in command.iterdir()) == [".lock"]


def test_items_need_their_corpus(command):
    with pytest.raises(ValueError, match=r"tokenizer.json: not a tokenizer file .*; rebuild it"):
        tasks_command.main(Arguments())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_build_that_was_stopped_has_no_manifest_and_the_next_one_has_the_same_bytes(
    command, monkeypatch, expected, error
):
    run_both()
    assert (command / "data" / "manifest.json").read_bytes() == expected

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(corpus_build, "write_tokens", fail)
        with pytest.raises(type(error)):
            corpus_command.main(Arguments())
    assert not (command / "data" / "manifest.json").exists()
    for left in (".train_1.bin.payload.7.partial", ".train_1.bin.7.partial", "items/.recall.jsonl.7.partial"):
        (command / "data" / left).write_text("")
    run_both()
    assert (command / "data" / "manifest.json").read_bytes() == expected
