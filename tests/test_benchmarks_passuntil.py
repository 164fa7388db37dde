"""benchmarks/passuntil.py: both sides draw the same law, the arithmetic of its table, and which checkpoint it takes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import small_pass
import torch

from benchmarks import passuntil, passuntil_rows
from benchmarks.passuntil_peer import GeneratePeer, count_right, ending_tokens, with_batch
from corpus.tokenizer import fingerprint
from evaluation.passuntil.attempt import Decoding
from evaluation.passuntil.estimates import count_until
from evaluation.readers.next_token import GPTReader
from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import to_llama
from tasks.base import Item, save_items

PIECES = [b"", b".", *(bytes([letter]) for letter in b"abcdefghijkl"), b"a.b"]
PROMPT = [0, 3, 5, 7]


class EvenLength:
    """Passes attempts of an even number of characters."""

    def passes(self, text: str) -> bool:
        return len(text) % 2 == 0

    def viable(self, text: str) -> bool:
        return True

    def accepted(self) -> None:
        return None


def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(len(PIECES), 2, 32, 2, 1, 48, 16)).eval()


@pytest.mark.parametrize("stop", [".", ""])
@pytest.mark.parametrize("reuses_prompt", [True, False])
def test_the_peer_draws_the_law_that_we_count(stop, reuses_prompt):
    decoding, num_attempts = Decoding(4, stop, temperature=1.2), 1500
    exact = (
        count_until(GPTReader(gpt()), PROMPT, PIECES, EvenLength(), decoding, None, 400_000, ("run", "task", 0)).passes
        / 400_000
    )
    torch.manual_seed(1)
    passes = with_batch(GeneratePeer(to_llama(gpt()), PIECES), 512, reuses_prompt).count_passes(
        PROMPT, EvenLength(), decoding, num_attempts
    )
    assert 0.1 < exact < 0.9
    assert abs(passes - num_attempts * exact) < 4.5 * math.sqrt(num_attempts * exact * (1 - exact))


def test_attempts_end_at_the_stop_or_fail():
    assert (
        count_right(
            [b"ab.", b"ab.cd", b"abc.", b"abcd", b"\xff\xff."], ".", EvenLength(), [True, True, True, False, True]
        )
        == 2
    )
    assert count_right([b"ab", b"abc"], "", EvenLength(), [True, True]) == 1
    assert ending_tokens(PIECES, ".") == [0, 1, len(PIECES) - 1] and ending_tokens(PIECES, "") == [0]
    with pytest.raises(ValueError, match="several tokens"):
        ending_tokens(PIECES, "\n\n")


def test_tasks_that_the_peer_cannot_end_are_left_out_or_refused_by_name(tmp_path):
    (tmp_path / "items").mkdir()
    for task in ("maths", "maths_zh"):
        save_items(tmp_path / "items" / f"{task}.jsonl", [Item(task, 0, ((" 1 + 1 =", " 2"),), "2")])
    bench = SimpleNamespace(model=SimpleNamespace(data=tmp_path))
    assert [task.name for task in passuntil.asked_tasks(bench, None, 1)] == ["maths"]
    with pytest.raises(ValueError, match="several tokens"):
        passuntil.asked_tasks(bench, ["maths_zh"], 1)


def test_rows_are_medians_over_rounds_against_the_best_peer():
    seconds = {
        1000: [2.0, 1.0, 9.0],
        100_000: [4.0, 4.0, 4.0],
        "sampled": [1.0, 1.0, 1.0],
        "slow": [8.0, 8.0, 8.0],
        "fast": [2.0, 2.0, 4.0],
    }
    rows = passuntil_rows.task_rows("maths", seconds, 3, {"is_exact_answer": False})
    by_k = {(row["method"], row["attempts_per_item"]): row for row in rows}
    assert (
        by_k["shared", 1000]["attempts_per_second"] == 1500 and by_k["shared", 100_000]["attempts_per_second"] == 75_000
    )
    assert {row["peer"] for row in rows} == {"fast"} and {row["peer_attempts_per_second"] for row in rows} == {
        1.5 * passuntil.PLAIN_ATTEMPTS
    }
    assert by_k["shared", 100_000]["ratio_to_best_peer"] == round(75_000 / (1.5 * passuntil.PLAIN_ATTEMPTS), 2)
    assert (
        by_k["sampled", 100_000]["ratio_to_best_peer"] == 2
        and by_k["sampled", 100_000]["timed_attempts"] == passuntil.PLAIN_ATTEMPTS
    )
    contract = {
        "task",
        "attempts_per_item",
        "attempts_per_second",
        "peer",
        "peer_attempts_per_second",
        "ratio_to_best_peer",
    }
    assert all(contract <= row.keys() for row in rows)


def test_goals_take_the_smallest_ratio_of_their_rows():
    def row(task, method, attempts, ratio, is_exact_answer):
        return {
            "task": task,
            "method": method,
            "attempts_per_item": attempts,
            "ratio_to_best_peer": ratio,
            "is_exact_answer": is_exact_answer,
        }

    rows = [
        row("a", "shared", 100_000, 70.0, True),
        row("b", "shared", 100_000, 60.0, True),
        row("a", "shared", 1000, 3.0, True),
        row("program_synthesis", "shared", 100_000, 6.0, False),
        row("a", "sampled", 100_000, 0.9, True),
    ]
    assert [goal["smallest_ratio"] for goal in passuntil_rows.goals(rows).values()] == [60.0, 6.0, 0.9]
    assert passuntil_rows.goals(rows[:1])["program_synthesis, K = 100,000"]["smallest_ratio"] is None


def test_the_largest_checkpoint_of_the_right_tokenizer_is_taken(tmp_path):
    (tmp_path / "data").mkdir()
    small_pass.tokenizer().save(str(tmp_path / "data" / "tokenizer.json"))
    own = fingerprint(small_pass.tokenizer())
    with pytest.raises(ValueError, match="no checkpoint under"):
        passuntil.largest_checkpoint(tmp_path, tmp_path / "data")
    for name, width, tokens, mark in (
        ("wide", 32, 10, own),
        ("wide", 32, 20, own),
        ("narrow", 16, 30, own),
        ("foreign", 64, 40, "other"),
    ):
        model = GPT(GPTConfig(64, 1, width, 2, 1, 48, 16))
        checkpoint.save_checkpoint(
            tmp_path / name / "checkpoints" / f"{tokens}.safetensors", model, tokens, 1, mark, 4.0, name
        )
    assert (
        passuntil.largest_checkpoint(tmp_path, tmp_path / "data").relative_to(tmp_path).as_posix()
        == "wide/checkpoints/20.safetensors"
    )


def test_statistics_of_attempts():
    """A uniform model: every token ends the attempt with probability 3 / 15, so lengths and nats are those of a cut
    geometric law."""
    model = gpt()
    with torch.no_grad():
        model.head.weight.zero_()
    bench = object.__new__(passuntil.PassBench)
    bench.pieces = PIECES
    bench.model = passuntil.PassModel(GPTReader(model), lambda text: PROMPT, lambda text: [], lambda stop: PIECES, {})
    found = bench.attempt_statistics(passuntil.PassItem(0, "", "", EvenLength()), Decoding(4, "."))
    expected = sum(0.8**place for place in range(4))
    assert found["attempt_tokens"] == pytest.approx(expected, abs=5 * 1.1 / math.sqrt(passuntil.STATISTICS_ATTEMPTS))
    assert found["attempt_entropy_nats"] == pytest.approx(found["attempt_tokens"] * np.log(15), abs=0.05)


def test_without_ends_attempts_have_one_length():
    bench = object.__new__(passuntil.PassBench)
    bench.pieces, bench.peers = PIECES, [GeneratePeer(to_llama(gpt()), PIECES)]
    bench.model = passuntil.PassModel(GPTReader(gpt()), lambda text: PROMPT, lambda text: [], lambda stop: PIECES, {})
    rows = passuntil.length_and_entropy(bench.without_ends(), passuntil.PassItem(0, "", "", EvenLength()), 1000.0)
    assert all(row["attempt_tokens"] == row["max_new_tokens"] for row in rows)
    assert {row["max_new_tokens"] for row in rows} == {2, 4, 8}, "prompt and attempt must fit into 16 tokens"
    nats = [
        row["attempt_entropy_nats"]
        for row in sorted(rows, key=lambda row: row["temperature"])
        if row["max_new_tokens"] == 8
    ]
    assert len(nats) == len(passuntil.TEMPERATURES) and nats == sorted(nats)
    assert bench.pieces[0] == b"" and bench.peers[0].pieces is PIECES
