"""`python -m evaluation.passuntil` on a task of one's own: rates that are known, stops, chats, and one line for each
mistake."""

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from test_evaluation_readers_pieces_huggingface import byte_level
from transformers import GPT2Config, GPT2LMHeadModel

from evaluation.passuntil.__main__ import main

TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny GPT-2 with random weights and a template of conversations."""
    folder, tokenizer = tmp_path_factory.mktemp("own") / "chatty", byte_level()
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def run(model, tmp_path, rows, name="x", **options):
    task = tmp_path / "letters.jsonl"
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = {"model": model, "task": task, "out": tmp_path / f"{name}.parquet", "target": 0, "cap": 4000} | options
    stops = [part for stop in words.pop("stop", ()) for part in ("--stop", stop)]
    flags = ["--chat"] if words.pop("chat", False) else []
    code = main([part for key, value in words.items() for part in (f"--{key}", str(value))] + stops + flags)
    return code, pd.read_parquet(words["out"]) if code == 0 else None


ANSWER = {"prompt": "Q: a letter\nA:", "answers": ["a", "b", "c", "d", "e", "f"]}


def test_counts_agree_with_the_exact_probability_and_the_reference_is_scored(model, tmp_path):
    options = {"stop": ("\n", "."), "max-new-tokens": 3}
    _, exact = run(model, tmp_path, [ANSWER], "exact", method="exact", **options)
    _, counted = run(model, tmp_path, [ANSWER], "counted", cap=100_000, **options)
    _, sampled = run(model, tmp_path, [ANSWER], "sampled", cap=20_000, method="sampled", **options)
    low, high = np.exp(exact.log_pass_low[0]), np.exp(exact.log_pass_high[0])
    assert 0 < low <= high < 1.2 * low
    for table in (counted, sampled):
        expected = low * table.attempts[0]
        assert expected > 3 and abs(table.passes[0] - expected) < 5 * math.sqrt(expected) + 0.2 * expected
    assert counted.task[0] == "letters" and counted.answer_tokens[0] > 1 and counted.answer_log_likelihood[0] < -3


def test_further_stops_end_more_attempts(model, tmp_path):
    def rate(name, *stops):
        _, table = run(model, tmp_path, [ANSWER], name, method="exact", stop=stops, **{"max-new-tokens": 2})
        return np.exp(table.log_pass_low[0])

    both, first, second = rate("both", "\n", "."), rate("first", "\n"), rate("second", ".")
    end_alone = rate("end", "\0\0\0")
    assert both - end_alone == pytest.approx(first + second - 2 * end_alone, rel=0.02) and first > end_alone > 0


def test_a_pattern_that_takes_everything_passes_always_and_has_no_reference(model, tmp_path):
    code, table = run(model, tmp_path, [{"prompt": "x", "regex": r"(?s).*"}], cap=50, **{"max-new-tokens": 2})
    row = table.iloc[0]
    assert code == 0 and row.attempts == 50 and row.passes > 0 and row.answer_tokens == 0
    assert math.isnan(row.answer_log_likelihood)


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs seccomp of Linux")
def test_a_checker_file_judges_and_its_edit_is_another_measurement(model, tmp_path):
    checker = tmp_path / "even.py"
    checker.write_text("def passes(attempt, row):\n    return len(attempt) % 2 == row['odd']\n")
    rows, options = [{"prompt": "x", "odd": 0}, {"prompt": "x", "odd": 1}], {"cap": 60, "max-new-tokens": 1}
    _, table = run(model, tmp_path, rows, "one", checker=checker, **options)
    assert (table.passes > 0).all() and table.passes.sum() < 120
    checker.write_text("def passes(attempt, row):\n    return False\n")
    _, other = run(model, tmp_path, rows, "two", checker=checker, **options)
    assert (other.passes == 0).all() and (other.settings_hash != table.settings_hash).all()


def test_a_chat_is_written_by_the_tokenizers_template(model, tmp_path):
    plain = {"prompt": "<user>a<assistant>", "answer": "b"}
    options = {"method": "exact", "stop": ("\n",), "max-new-tokens": 2}
    _, chat = run(model, tmp_path, [{"prompt": "a", "answer": "b"}], "chat", chat=True, **options)
    _, written = run(model, tmp_path, [plain], "written", **options)
    assert chat.log_pass_low[0] == written.log_pass_low[0] > -math.inf
    assert chat.settings_hash[0] != written.settings_hash[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "absent.jsonl"}, "absent.jsonl: no such file"),
        ({"task": "sums"}, "task 'sums' has no checker"),
        ({"task": "sums"}, "or a .jsonl file of your own"),
        ({"task": "maths", "stop": ("\n",)}, "--stop belongs to a task of your own"),
        ({"items": "other.jsonl"}, "names the file of items already"),
        ({"stop": ("",)}, "a stop is empty"),
        ({"checker": "absent.py"}, "absent.py: no such file"),
    ],
)
def test_a_mistake_is_one_line(model, tmp_path, capsys, options, message):
    code, _ = run(model, tmp_path, [ANSWER], **options)
    printed = capsys.readouterr().err
    assert code == 2 and message in printed and len(printed.splitlines()) == 1


def test_a_tokenizer_without_template_is_named(model, tmp_path, capsys):
    GPT2LMHeadModel.from_pretrained(model).save_pretrained(tmp_path / "plain")
    byte_level().save_pretrained(tmp_path / "plain")
    code, _ = run(tmp_path / "plain", tmp_path, [ANSWER], chat=True)
    assert code == 2 and "has no chat template" in capsys.readouterr().err
