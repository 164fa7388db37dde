"""`python -m evaluation.scoring`: the table of a foreign model and of ours, equal where it is the same model, and one
line for bad input."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_corpus
import torch
from benchmark_rows import PAIRS, write_rows
from outside_models import made, save, trained
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from corpus.tokenizer import BOS, BOS_ID, fingerprint
from evaluation.scoring.__main__ import main
from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import to_llama
from tasks import TASKS
from tasks.base import make_items, save_items
from tasks.real.loader import FILES

ROOT = Path(__file__).resolve().parent.parent
OURS = ("exam", "recall", "maths")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of three benchmarks, items of three tasks of ours, a foreign model, and one of ours with its export."""
    path = tmp_path_factory.mktemp("scoring")
    for name in ("MMLU", "TriviaQA", "WinoGrande"):
        asked, shots = FILES[name]
        for file in filter(None, (*asked, shots)):
            write_rows(path, name, file, [PAIRS[name][1]] * 9)
    tokenizer = small_corpus.tokenizer()
    for name in OURS:
        save_items(path / "items" / f"{name}.jsonl", make_items(TASKS[name], small_corpus.world(), 6))
    tokenizer.save(str(path / "tokenizer.json"))
    save(path / "foreign", trained(made("llama2"), max_position_embeddings=2048), made("llama2"))
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 2, 32, 2, 1, 88, 256)).eval()
    checkpoint.save_checkpoint(path / "own.safetensors", model, 10, 1, fingerprint(tokenizer), 6.9, "small")
    exported = Tokenizer.from_str(tokenizer.to_str())
    exported.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    save(path / "llama", to_llama(model), PreTrainedTokenizerFast(tokenizer_object=exported, bos_token=BOS))
    return path


def words(folder, out, model, task, **options):
    given = {"model": folder / model, "task": task, "data": folder, "out": out} | options
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def run(folder, out, model, task, **options):
    assert main(words(folder, out, model, task, **options)) == 0
    return pd.read_parquet(out)


@pytest.mark.parametrize("task", OURS)
def test_a_model_of_ours_and_its_export_get_the_same_scores(folder, tmp_path, task):
    ours = run(folder, tmp_path / "ours.parquet", "own.safetensors", task)
    theirs = run(folder, tmp_path / "theirs.parquet", "llama", task)
    for one, other in zip(ours.log_likelihoods, theirs.log_likelihoods, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * max(ours.num_tokens.map(max)))
    assert ours.prediction.equals(theirs.prediction) and ours.correct.equals(theirs.correct)
    assert list(ours.item_id) == list(range(6)) and (ours.task == task).all() and (ours.run == "small").all()
    assert (theirs.run == "llama").all() and list(ours.columns) == list(theirs.columns)


@pytest.mark.parametrize(
    ("task", "form"), [("MMLU", "letter"), ("MMLU", "cloze"), ("WinoGrande", "letter"), ("TriviaQA", "letter")]
)
def test_benchmarks_by_a_foreign_model(folder, tmp_path, capsys, task, form):
    table = run(folder, tmp_path / "t.parquet", "foreign", task, form=form, num_items=3)
    printed = capsys.readouterr().out.splitlines()[-1]
    assert len(table) == 3 and table.correct.isin([0.0, 1.0]).all() and (table.answer_log_likelihood < 0).all()
    assert "3 items, right answers" in printed and printed.startswith("MMLU_cloze" if form == "cloze" else task)
    assert (table.num_shots == (0 if task == "WinoGrande" else 5)).all() and table.weight_hash.str.len().eq(64).all()


@pytest.mark.parametrize(
    ("model", "task", "options", "message"),
    [
        ("foreign", "MMLUX", {}, "task is 'MMLUX'"),
        ("absent", "MMLU", {}, "absent: no such folder"),
        ("foreign", "MMLU", {"device": "cuda:99"}, "device is 'cuda:99'"),
        ("foreign", "MMLU", {"batch_tokens": 0}, "--batch-tokens is 0"),
        ("own.safetensors", "exam", {"dtype": "bfloat16"}, "scored in float32"),
        ("own.safetensors", "exam", {"tokenizer": "absent"}, "which is not there"),
        ("foreign", "MMLU", {}, "ends in .parquet"),
    ],
)
def test_bad_input_is_one_line(folder, tmp_path, capsys, model, task, options, message):
    out = tmp_path / ("scores.csv" if "ends in" in message else "t.parquet")
    assert main(words(folder, out, model, task, **options)) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("scoring: ") and len(printed.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_prompt_that_is_too_long_names_its_item(folder, tmp_path, capsys):
    save(tmp_path / "short", trained(made("llama2"), num_steps=0), made("llama2"))
    assert main(words(folder, tmp_path / "t.parquet", tmp_path / "short", "MMLU")) == 2
    printed = capsys.readouterr().err
    assert "item 0" in printed and "max_sequence_length is 96" in printed and "number of shots" in printed


def test_the_command_itself(folder, tmp_path):
    command = [sys.executable, "-m", "evaluation.scoring", *words(folder, tmp_path / "t.parquet", "foreign", "exam")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "exam: accuracy" in done.stdout, done
