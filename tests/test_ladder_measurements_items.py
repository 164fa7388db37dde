"""Pass rates of a run: complete rows, and the same numbers whether a measurement was stopped, killed or left in
peace."""

import io
import json

import numpy as np
import pytest

from evaluation.readers.next_token import GPTReader
from ladder.measurements import journal as journal_module
from ladder.measurements.items import measure_task, reference_log_likelihood, rows_of_checkpoints, validation_loss
from ladder.measurements.journal import Journal
from ladder.measurements.pass_rates import pass_rates_of
from ladder.workers.pool import Job, run_jobs
from ladder.workers.progress import Progress
from models import checkpoint
from tests import pool_jobs, tiny_ladder
from tests.tiny_ladder import LARGE
from tests.tiny_ladder import NUM_PASS_ITEMS as NUM_ITEMS

METHODS = 4  # of emoji_movie: counted at two temperatures, exact, beam


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    """Pass rates of the tiny ladder with its largest run trained."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_ladder.two_tasks(patch)
        rates = pass_rates_of(tiny_ladder.ladder(tmp_path_factory.mktemp("measure"), ("passuntil",)))
    tiny_ladder.train_here(rates.ladder, LARGE)
    return rates


def measure(rates, task, journal):
    fractions = []
    count = measure_task(
        rates.ladder.data(LARGE), rates.ladder.runs[LARGE], rates.item_request(LARGE, task), journal, fractions.append
    )
    return count, fractions


def rows_of(journal):
    """Rows of a journal without the clock."""
    rows = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    return [json.dumps({name: value for name, value in row.items() if name != "seconds"}) for row in rows]


@pytest.fixture(scope="module")
def whole(rates, tmp_path_factory):
    """Rows of measurements that nobody disturbed, by task."""
    folder = tmp_path_factory.mktemp("whole")
    for task in tiny_ladder.TASKS:
        measure(rates, task, folder / f"{task}.jsonl")
    return {task: rows_of(folder / f"{task}.jsonl") for task in tiny_ladder.TASKS}


def test_every_item_is_measured_by_every_method(rates, whole, tmp_path):
    count, fractions = measure(rates, "emoji_movie", tmp_path / "j.jsonl")
    rows = [json.loads(row) for row in rows_of(tmp_path / "j.jsonl")]
    assert (
        count == len(rows) == METHODS * NUM_ITEMS
        and fractions[-1] == 1.0
        and rows_of(tmp_path / "j.jsonl") == whole["emoji_movie"]
    )
    assert [(row["method"], row["temperature"]) for row in rows[:METHODS]] == [
        ("shared", 1.0),
        ("shared", 0.5),
        ("beam", 1.0),
        ("exact", 1.0),
    ]
    for row in rows:
        assert row["answer_log_likelihood"] < 0 < row["answer_tokens"]
        if row["method"] == "shared":
            assert (
                0 <= row["passes"] <= row["attempts"] <= 40
                and len(row["pass_positions"]) == row["passes"]
                and row["num_evaluated"] > 0
            )
        if row["method"] == "exact":
            assert row["log_pass_low"] <= row["log_pass_high"] <= 0.0 and row["attempts"] == 0
        if row["method"] == "beam":
            assert row["attempts"] == 1 and row["passes"] in (0, 1)


def test_exact_bounds_are_those_of_the_likelihood_of_the_only_tokenisation(whole):
    """The answer as it is tokenised is one way to pass, so its probability cannot lie above the upper bound."""
    for row in map(json.loads, whole["emoji_movie"]):
        if row["method"] == "exact":
            assert row["answer_log_likelihood"] <= row["log_pass_high"] + 1e-9


def test_a_stop_in_the_middle_of_an_item_goes_on_from_its_counts(rates, whole, tmp_path, monkeypatch):
    keep, states = Journal.keep_state, []

    def keep_and_stop(journal, key, state):
        keep(journal, key, state)
        states.append(state)
        raise KeyboardInterrupt

    journal = tmp_path / "maths.jsonl"
    monkeypatch.setattr(journal_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(Journal, "keep_state", keep_and_stop)
    with pytest.raises(KeyboardInterrupt):
        measure(rates, "maths", journal)
    assert states and journal.with_suffix(".open.json").exists() and len(rows_of(journal)) == 0
    taken = []
    monkeypatch.setattr(Journal, "keep_state", keep)
    state_of = Journal.state
    monkeypatch.setattr(Journal, "state", lambda journal, key: taken.append(state_of(journal, key)) or taken[-1])
    measure(rates, "maths", journal)
    assert taken[0] == states[0] and rows_of(journal) == whole["maths"]
    assert not journal.with_suffix(".open.json").exists()


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_torn_last_line_is_measured_again(rates, whole, tmp_path, cut):
    journal = tmp_path / "emoji_movie.jsonl"
    measure(rates, "emoji_movie", journal)
    content = journal.read_bytes()
    journal.write_bytes(content[: len(content) // 2] if cut == 0 else content[:-cut])
    measure(rates, "emoji_movie", journal)
    assert rows_of(journal) == whole["emoji_movie"]


def test_a_journal_of_other_questions_is_thrown_away(rates, whole, tmp_path):
    journal = tmp_path / "emoji_movie.jsonl"
    measure(rates, "emoji_movie", journal)
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(["{}", *lines[1:3]]) + "\n")
    measure(rates, "emoji_movie", journal)
    assert rows_of(journal) == whole["emoji_movie"]


def test_a_killed_worker_ends_with_the_same_rows(rates, whole, tmp_path):
    stream = io.StringIO()
    job = Job("m", 1.0, pool_jobs.measure_and_be_killed_once, (rates, LARGE, "emoji_movie", tmp_path / "killed"))
    outcome = run_jobs([job], 1, Progress("t", {"m": 1.0}, stream, is_quiet=True))
    assert "its worker was killed (SIGKILL" in stream.getvalue() and list(outcome.finished) == ["m"]
    assert rows_of(rates.journal(LARGE, "emoji_movie")) == whole["emoji_movie"]
    assert (tmp_path / "killed").read_text() == str(METHODS * NUM_ITEMS - 3), (
        "the second start has the rows of the first"
    )


def test_likelihood_of_an_answer_is_the_sum_over_its_tokens(rates):
    model, _ = checkpoint.load(rates.checkpoints(LARGE)[0])
    reader, prompt, answer = GPTReader(model), [0, 5, 6], [7, 8, 9]
    expected = sum(float(reader.start(prompt + answer[:place])[0][0, token]) for place, token in enumerate(answer))
    assert reference_log_likelihood(reader, prompt, answer) == pytest.approx(expected, abs=1e-5)
    assert reference_log_likelihood(reader, prompt, [7]) == pytest.approx(float(reader.start(prompt)[0][0, 7]))


def test_losses_and_rows_of_checkpoints(rates):
    paths = sorted((rates.ladder.folder(LARGE) / "checkpoints").glob("*.safetensors"))
    found = [validation_loss(rates.ladder.data(LARGE), path) for path in paths]
    assert (
        len(found) == tiny_ladder.NUM_CHECKPOINTS
        and found[0][0] < found[1][0]
        and found[1][1] < found[0][1] < np.log(1024) + 0.5
    )
    run = rates.ladder.runs[LARGE]
    rows = rows_of_checkpoints(run, True, {tokens: (loss, digest) for tokens, loss, digest in found})
    assert [row["tokens_seen"] for row in rows] == [tokens for tokens, _, _ in found] and rows[0]["is_held_out"] is True
    assert rows[1]["compute_flops"] == run.model.flops_per_token * found[1][0]


def test_too_few_items_are_one_clear_line(rates, tmp_path):
    asked = rates.item_request(LARGE, "maths")
    more = asked.__class__(
        asked.task, asked.checkpoints, asked.sampling.model_copy(update={"num_items": 99}), asked.methods, "s"
    )
    with pytest.raises(ValueError, match=r"items/maths.jsonl: holds 2 items, 99 are to be measured; rebuild it"):
        measure_task(
            rates.ladder.data(LARGE), rates.ladder.runs[LARGE], more, tmp_path / "j.jsonl", lambda fraction: None
        )
