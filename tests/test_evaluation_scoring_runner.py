"""Rows of a checkpoint: columns, losses per language, and one clear line for each kind of bad input."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
import small_corpus
import torch

from corpus.token_file import ValidationSet
from corpus.tokenizer import fingerprint
from corpus.tokenizer_training import train_tokenizer
from evaluation.scoring.log_likelihoods import score_items
from evaluation.scoring.runner import evaluate_checkpoint, summarize_losses
from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT
from tasks import TASKS
from tasks.base import load_items, save_items

NAMES = ("exam", "recall_zh")
COLUMNS = [
    "run",
    "size",
    "series",
    "seed",
    "tokens_seen",
    "num_parameters",
    "num_nonembedding_parameters",
    "compute_flops",
    "loss_nats",
    "loss_nats_en",
    "loss_nats_zh",
    "bits_per_byte",
    "bits_per_byte_en",
    "bits_per_byte_zh",
    "task",
    "metric",
    "value",
    "low",
    "high",
    "num_items",
    "weight_hash",
    "precision",
]


@pytest.fixture(scope="module")
def tokenizer():
    return small_corpus.tokenizer()


@pytest.fixture(scope="module")
def items():
    return {name: small_corpus.items(name, 12) for name in NAMES}


@pytest.fixture(scope="module")
def model(tokenizer) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(tokenizer.get_vocab_size(), 1, 16, 2, 2, 32, 160)).eval()


@pytest.fixture
def path(tmp_path, model, tokenizer):
    path = tmp_path / "000000004096.safetensors"
    checkpoint.save_checkpoint(path, model, 4096, 2, fingerprint(tokenizer), 6.5, "tiny_s0")
    return path


@pytest.fixture(scope="module")
def validation(tokenizer) -> ValidationSet:
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, tokenizer.get_vocab_size(), (6, 33)).astype(np.uint16)
    return ValidationSet(
        tokens, generator.integers(0, 2, (6, 32)).astype(np.int8), generator.integers(0, 6, (6, 32)).astype(np.int16)
    )


def tasks():
    return {name: TASKS[name] for name in NAMES}


def test_rows_of_a_checkpoint(path, model, tokenizer, items, validation):
    rows, item_rows = evaluate_checkpoint(
        path, tasks(), items, validation, tokenizer, labels={"size": "tiny", "series": "long", "seed": 0}
    )
    assert rows.columns.tolist() == COLUMNS
    assert list(zip(rows.task, rows.metric)) == [
        ("exam", "accuracy"),
        ("exam", "correct_choice_prob"),
        ("exam", "brier_score"),
        ("exam", "answer_log_likelihood"),
        ("recall_zh", "exact_match"),
        ("recall_zh", "answer_log_likelihood"),
    ]
    assert ((rows.low <= rows.value) & (rows.value <= rows.high) & (rows.num_items == 12)).all()
    first = rows.iloc[0]
    assert (first.run, first["size"], first.series, first.seed, first.tokens_seen) == (
        "tiny_s0",
        "tiny",
        "long",
        0,
        4096,
    )
    assert first.compute_flops == model.config.flops_per_token * 4096
    assert first.num_nonembedding_parameters == model.config.num_nonembedding_parameters
    assert first.weight_hash == checkpoint.weight_hash(model)
    assert item_rows.columns.tolist() == [
        "run",
        "seed",
        "tokens_seen",
        "compute_flops",
        "loss_nats",
        "task",
        "item_id",
        "metric",
        "value",
    ]
    assert len(item_rows) == 12 * len(rows)


def test_aggregate_values_are_means_of_the_item_values(path, model, tokenizer, items, validation):
    rows, item_rows = evaluate_checkpoint(path, tasks(), items, validation, tokenizer)
    means = item_rows.groupby(["task", "metric"], observed=True).value.mean()
    for row in rows.itertuples():
        assert row.value == pytest.approx(means[row.task, row.metric], rel=1e-5)
    table = score_items(model, tokenizer, items["exam"], TASKS["exam"])
    exam = item_rows[(item_rows.task == "exam") & (item_rows.metric == "brier_score")]
    assert exam.item_id.tolist() == table.item_id.tolist()
    assert exam.value.to_numpy() == pytest.approx(table.brier_score.to_numpy(), rel=1e-6)


def test_rows_survive_parquet(path, tokenizer, items, validation, tmp_path):
    rows, item_rows = evaluate_checkpoint(
        path, tasks(), items, validation, tokenizer, labels={"size": "tiny", "series": "long", "seed": 0}
    )
    for name, table in (("scores", rows), ("items", item_rows)):
        table.to_parquet(tmp_path / f"{name}.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / f"{name}.parquet"), table)


def test_losses_per_language_at_known_values():
    losses = np.array([[1.0, 3.0], [2.0, 6.0]], np.float32)
    validation = ValidationSet(
        np.zeros((2, 3), np.uint16), np.array([[0, 1], [0, 0]], np.int8), np.array([[4, 3], [0, 2]], np.int16)
    )
    assert summarize_losses(losses, validation) == pytest.approx(
        {
            "loss_nats": 3.0,
            "loss_nats_en": 3.0,
            "loss_nats_zh": 3.0,
            "bits_per_byte": 12 / math.log(2) / 9,
            "bits_per_byte_en": 9 / math.log(2) / 6,
            "bits_per_byte_zh": 3 / math.log(2) / 3,
        }
    )
    english = dataclasses.replace(validation, language=np.zeros((2, 2), np.int8))
    assert math.isnan(summarize_losses(losses, english)["loss_nats_zh"])


def test_num_items_takes_the_first_ones(path, tokenizer, items, validation):
    rows, item_rows = evaluate_checkpoint(path, tasks(), items, validation, tokenizer, num_items=5)
    assert (rows.num_items == 5).all()
    assert sorted(item_rows.item_id.unique()) == [0, 1, 2, 3, 4]


def one_line(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_checkpoint_of_another_tokenizer(path, items, validation, tokenizer):
    other = train_tokenizer(["other text, 其他"], vocabulary_size=512)
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), items, validation, other)
    assert str(path) in one_line(error) and "tokenizer" in one_line(error)


def test_truncated_checkpoint(path, items, validation, tokenizer):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), items, validation, tokenizer)
    assert str(path) in one_line(error)


def test_checkpoint_with_nan_weights(path, model, items, validation, tokenizer):
    broken = GPT(model.config)
    with torch.no_grad():
        broken.head.weight[3] = float("nan")
    checkpoint.save_checkpoint(path, broken, 4096, 2, fingerprint(tokenizer), 6.5, "tiny_s0")
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), items, validation, tokenizer)
    assert str(path) in one_line(error) and "NaN" in one_line(error)


def test_prompt_longer_than_the_context(path, model, items, validation, tokenizer):
    short = GPT(dataclasses.replace(model.config, max_sequence_length=40))
    checkpoint.save_checkpoint(path, short, 4096, 2, fingerprint(tokenizer), 6.5, "tiny_s0")
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), items, validation, tokenizer)
    assert str(path) in one_line(error) and "max_sequence_length is 40" in one_line(error)


def test_truncated_and_foreign_item_files(path, items, validation, tokenizer, tmp_path):
    file = tmp_path / "exam.jsonl"
    save_items(file, items["exam"])
    text = file.read_text(encoding="utf-8")

    file.write_text(text[: len(text) // 2], encoding="utf-8")  # cut within a line: the reader says so
    with pytest.raises(ValueError, match=r"exam.jsonl, line \d+: not an item"):
        load_items(file)

    file.write_text(
        "".join(text.splitlines(keepends=True)[:7]), encoding="utf-8"
    )  # cut at the end of a line: fewer items than due
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), {**items, "exam": load_items(file)}, validation, tokenizer, num_items=12)
    assert "items/exam.jsonl: holds 7 items" in one_line(error)

    file.write_text("".join(text.splitlines(keepends=True)[1:]), encoding="utf-8")  # beginning lost
    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), {**items, "exam": load_items(file)}, validation, tokenizer)
    assert "items/exam.jsonl: field item_id" in one_line(error)

    file.write_text(json.dumps({"some": "thing"}) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not an item"):
        load_items(file)

    with pytest.raises(ValueError) as error:
        evaluate_checkpoint(path, tasks(), {**items, "exam": items["recall_zh"]}, validation, tokenizer)
    assert "field task of item 0 is 'recall_zh'" in one_line(error)

    with pytest.raises(ValueError, match="items/exam.jsonl: no items"):
        evaluate_checkpoint(path, tasks(), {"recall_zh": items["recall_zh"]}, validation, tokenizer)


def test_unknown_label(path, items, validation, tokenizer):
    with pytest.raises(ValueError, match="labels: unknown field 'sizes'"):
        evaluate_checkpoint(path, tasks(), items, validation, tokenizer, labels={"sizes": "tiny"})
