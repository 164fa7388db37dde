"""evaluation/passuntil/rows.py, and the whole command on other people's folders: all ways agree, rows and states say
which model they are of."""

import json
import math
from pathlib import Path

import numpy as np
import outside_models
import pandas as pd
import pytest
import torch

from evaluation.passuntil.__main__ import main
from evaluation.passuntil.inputs import PassItem, load_model
from evaluation.passuntil.rows import answer_ids, answer_log_probability
from tasks.base import Item, save_items
from tasks.checkers import ExactChecker

QUESTION, ANSWER = "Q: who wrote it? A:", " Ann Lee"


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> Path:
    """A task of one listed answer that ends with a line break, from a published task's file."""
    path = tmp_path_factory.mktemp("items") / "films.json"
    shots = [{"input": f"film {number}", "target": f"title {number}"} for number in range(2)]
    path.write_text(json.dumps({"examples": [*shots, {"input": "who wrote it?", "target": ANSWER.strip()}]}))
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A model of each family that has learned to answer, and ends the answer with its end token."""
    path = tmp_path_factory.mktemp("families")
    return {
        family: outside_models.save(path / family, outside_models.trained(tokenizer, tokenizer.eos_token_id), tokenizer)
        for family in outside_models.FAMILIES
        if (tokenizer := outside_models.made(family))
    }


def asked() -> PassItem:
    return PassItem(0, QUESTION, ANSWER, ExactChecker((ANSWER,)))


def arguments(items: Path, model: Path, out: Path, **options) -> list[str]:
    named = {
        "model": model,
        "task": "emoji_movie_bigbench",
        "items": items,
        "out": out,
        "cap": 400,
        "target": 0,
        "max_new_tokens": 8,
    } | options
    return [text for name, value in named.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def run(items: Path, model: Path, out: Path, **options) -> pd.DataFrame:
    assert main(arguments(items, model, out, **options)) == 0
    assert not out.with_name(out.name + ".state.json").exists()
    return pd.read_parquet(out)


@pytest.mark.parametrize("family", outside_models.FAMILIES)
def test_an_answer_that_the_end_token_ends_passes_in_every_family(family, folders):
    from evaluation.passuntil.attempt import Decoding
    from evaluation.passuntil.estimates import count_until, pass_probability, sample_until
    from evaluation.passuntil.importance import importance_estimate

    model = load_model(str(folders[family]), [])
    prompt, pieces, decoding, checker = (
        model.encode_prompt(QUESTION),
        model.pieces("\n"),
        Decoding(12, "\n"),
        ExactChecker((ANSWER,)),
    )
    bounds = pass_probability(model.reader, prompt, pieces, checker, decoding)
    assert 0.9 < math.exp(bounds.log_low) <= math.exp(bounds.log_high) <= 1, (
        "the model has learned this answer and its end token"
    )
    p = math.exp(bounds.log_low)
    for measured in (count_until, sample_until):
        count = measured(model.reader, prompt, pieces, checker, decoding, None, 400, ("run", "task", 0))
        assert abs(count.passes / 400 - p) < 5 * math.sqrt(p * (1 - p) / 400) + 1e-3
    weighted = importance_estimate(
        model.reader, model.reader, prompt, pieces, checker, decoding, 400, ("run", "task", 0)
    )
    assert abs(weighted.estimate - p) < 5 * math.sqrt(p * (1 - p) / 400) + 1e-3


@pytest.mark.parametrize("family", outside_models.FAMILIES)
def test_the_reference_answer_is_scored_as_it_was_learned(family, tmp_path):
    tokenizer = outside_models.made(family)
    folder = outside_models.save(tmp_path / family, outside_models.trained(tokenizer), tokenizer)
    model = load_model(str(folder), [])
    ids = answer_ids(model, asked(), "\n")
    assert model.encode_prompt(QUESTION) + ids == model.encode_prompt(outside_models.TRAINED_ON)
    assert -0.2 < answer_log_probability(model.reader, model.encode_prompt(QUESTION), ids) < 0


def test_a_tokenizer_without_line_breaks_ends_the_answer_with_its_end_token(tmp_path):
    tokenizer = outside_models.no_line_breaks()
    model = load_model(
        str(outside_models.save(tmp_path / "model", outside_models.llama(len(tokenizer)), tokenizer)), []
    )
    assert answer_ids(model, asked(), "\n") == [*model.encode_answer(ANSWER, QUESTION), tokenizer.eos_token_id]


@pytest.mark.parametrize("method", ["shared", "sampled", "exact", "importance"])
def test_rows_name_weights_config_tokenizer_and_settings(folders, items, tmp_path, method):
    table = run(items, folders["llama2"], tmp_path / "a.parquet", method=method)
    again = run(items, folders["llama2"], tmp_path / "b.parquet", method=method)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), again.drop(columns="seconds"))
    row = table.iloc[0]
    assert [len(row[name]) for name in ("weight_hash", "config_hash", "tokenizer_hash", "settings_hash")] == [64] * 4
    assert np.isfinite(row.answer_log_likelihood) and (row.run, row.number_format) == ("llama2", "float32")
    for options in ({"temperature": 0.9}, {"top_p": 0.9}, {"cap": 401}, {"max_new_tokens": 9}, {"dtype": "bfloat16"}):
        if method == "exact" and "dtype" not in options:
            continue
        other = run(items, folders["llama2"], tmp_path / f"{next(iter(options))}.parquet", method=method, **options)
        assert other.settings_hash[0] != row.settings_hash, options


def left_state(items: Path, model: Path, out: Path, monkeypatch, **options) -> Path:
    """The state of a measurement that was interrupted in its first item."""

    def interrupted(self, num_done: int, fraction: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("evaluation.passuntil.progress.PassProgress.update", interrupted)
        assert main(arguments(items, model, out, **options)) == 130
    state = out.with_name(out.name + ".state.json")
    assert json.loads(state.read_text())["open"]
    return state


def test_another_model_of_the_same_folder_name_does_not_continue_a_state(folders, items, tmp_path, monkeypatch, capsys):
    tokenizer = outside_models.made("llama2")
    first, second = tmp_path / "A" / "checkpoint-1000", tmp_path / "B" / "A" / "checkpoint-1000"
    for folder, steps in ((first, 5), (second, 6)):
        outside_models.save(folder, outside_models.trained(tokenizer, num_steps=steps), tokenizer)
    out = tmp_path / "passes.parquet"
    state = left_state(items, first, out, monkeypatch)
    held = state.read_bytes()
    capsys.readouterr()
    assert main(arguments(items, second, out)) == 2
    printed = capsys.readouterr().err.strip()
    assert (
        "\n" not in printed
        and str(first) in printed
        and str(second) in printed
        and "field weight_hash" in printed
        and "name another --out" in printed
    )
    assert state.read_bytes() == held
    table = run(items, first, out)
    whole = run(items, first, tmp_path / "whole.parquet")
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), whole.drop(columns="seconds"))
    other = run(items, second, tmp_path / "other.parquet")
    assert table.run[0] == other.run[0] == "A/checkpoint-1000" and table.weight_hash[0] != other.weight_hash[0]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"temperature": 0.9}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"cap": 500}, "cap"),
        ({"max_new_tokens": 9}, "max_new_tokens"),
        ({"dtype": "bfloat16"}, "dtype"),
        ({"method": "sampled"}, "method"),
    ],
)
def test_other_settings_do_not_continue_a_state(folders, items, tmp_path, monkeypatch, capsys, options, field):
    out = tmp_path / "passes.parquet"
    left_state(items, folders["gpt2"], out, monkeypatch)
    assert main(arguments(items, folders["gpt2"], out, **options)) == 2
    assert f"field {field} is" in capsys.readouterr().err


def test_items_that_changed_do_not_continue_a_state(folders, items, tmp_path, monkeypatch, capsys):
    own = tmp_path / "films.json"
    own.write_bytes(items.read_bytes())
    left_state(own, folders["gpt2"], tmp_path / "passes.parquet", monkeypatch)
    own.write_text(own.read_text().replace("Ann", "Eve"))
    assert main(arguments(own, folders["gpt2"], tmp_path / "passes.parquet")) == 2
    assert "field items_hash is" in capsys.readouterr().err


def test_a_tokenizer_that_changed_does_not_continue_a_state(items, tmp_path, monkeypatch, capsys):
    tokenizer = outside_models.made("llama2")
    folder = outside_models.save(tmp_path / "model", outside_models.llama(len(tokenizer)), tokenizer)
    left_state(items, folder, tmp_path / "passes.parquet", monkeypatch)
    outside_models.made("gemma").save_pretrained(folder)
    outside_models.llama(len(tokenizer)).config.save_pretrained(folder)
    assert main(arguments(items, folder, tmp_path / "passes.parquet")) == 2
    assert "field tokenizer_hash is" in capsys.readouterr().err


def test_damaged_weights_leave_no_state(items, tmp_path, capsys):
    tokenizer = outside_models.made("gpt2")
    model = outside_models.llama(len(tokenizer))
    with torch.no_grad():
        model.lm_head.weight[7] = float("nan")
    folder = outside_models.save(tmp_path / "nan", model, tokenizer)
    assert main(arguments(items, folder, tmp_path / "passes.parquet")) == 2
    printed = capsys.readouterr().err.strip()
    assert "NaN or infinite" in printed and str(folder) in printed and "\n" not in printed
    assert [path.name for path in tmp_path.iterdir()] == ["nan"]


def test_a_model_that_fails_on_the_way_leaves_no_state_of_nothing(folders, items, tmp_path, capsys, monkeypatch):
    def fails(self, *_):
        raise ValueError("the model's logits are NaN or infinite")

    monkeypatch.setattr("evaluation.readers.next_token_huggingface.HuggingFaceReader.start", fails)
    assert main(arguments(items, folders["gpt2"], tmp_path / "passes.parquet")) == 2
    assert "NaN or infinite" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:99"}, "device is 'cuda:99'"),
        ({"device": "gpu"}, "choose cpu, cuda"),
        ({"max_new_tokens": 90}, "max_sequence_length is 96"),
    ],
)
def test_bad_options_are_one_line(folders, items, tmp_path, capsys, options, message):
    assert main(arguments(items, folders["gpt2"], tmp_path / "passes.parquet", **options)) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed and "\n" not in printed and not list(tmp_path.iterdir())


def test_a_proposal_whose_vocabulary_is_filled_up_further_draws_for_its_smaller_sibling(items, tmp_path):
    tokenizer = outside_models.made("llama2")
    small = outside_models.save(tmp_path / "small", outside_models.trained(tokenizer, num_steps=15), tokenizer)
    large = outside_models.save(
        tmp_path / "large", outside_models.trained(tokenizer, num_more=13, num_steps=40), tokenizer
    )
    exact = run(items, small, tmp_path / "exact.parquet", method="exact", temperature=1.3)
    bounds = np.exp(exact.log_pass_low[0]), np.exp(exact.log_pass_high[0])
    for model, proposal in ((small, large), (large, small)):
        table = run(
            items,
            model,
            tmp_path / f"{model.name}.parquet",
            method="importance",
            proposal=proposal,
            temperature=1.3,
            cap=4000,
        )
        if model == small:
            assert (
                bounds[0] - 5 * table.standard_error[0] <= table.estimate[0] <= bounds[1] + 5 * table.standard_error[0]
            )


def test_a_proposal_that_ends_at_other_tokens_is_refused(folders, items, tmp_path, capsys):
    tokenizer = outside_models.made("llama2")
    other = outside_models.save(
        tmp_path / "other", outside_models.llama(len(tokenizer), eos_token_id=[2, 3]), tokenizer
    )
    assert main(arguments(items, folders["llama2"], tmp_path / "o.parquet", method="importance", proposal=other)) == 2
    assert "has other tokens than --model" in capsys.readouterr().err


def test_an_item_that_the_tokenizer_cannot_write_is_named_before_anything_is_sampled(tmp_path, capsys):
    tokenizer = outside_models.compatible()
    folder = outside_models.save(tmp_path / "model", outside_models.llama(len(tokenizer)), tokenizer)
    (tmp_path / "data" / "items").mkdir(parents=True)
    save_items(
        tmp_path / "data" / "items" / "emoji_movie.jsonl", [Item("emoji_movie", 4, ((QUESTION, "\uff11"),), "\uff11")]
    )
    named = {"model": folder, "task": "emoji_movie", "data": tmp_path / "data", "out": tmp_path / "o.parquet"}
    assert main([text for name, value in named.items() for text in (f"--{name}", str(value))]) == 2
    assert "task emoji_movie, item 4: the tokenizer writes the answer" in capsys.readouterr().err
