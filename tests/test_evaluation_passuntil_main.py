"""`python -m evaluation.passuntil`: our checkpoints and transformers models, the same numbers after an interruption,
one clear line for bad input."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_corpus
import small_pass
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from corpus.tokenizer import BOS, BOS_ID, fingerprint
from evaluation.passuntil.__main__ import main, parser
from evaluation.passuntil.planning import make_plan
from evaluation.passuntil.progress import PassProgress
from evaluation.passuntil.state import State, measure_plan
from evaluation.readers.next_token import token_pieces
from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import to_llama
from tasks.base import Item, save_items

ROOT = Path(__file__).resolve().parent.parent
TASK, LENGTH = "emoji_movie", 96


def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(small_pass.tokenizer().get_vocab_size(), 2, 32, 2, 1, 88, LENGTH)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """data/, a checkpoint, and the same model as a transformers folder. An empty title passes where the stop comes at
    once: once in 1,000 attempts."""
    path = tmp_path_factory.mktemp("passuntil")
    data, tokenizer = path / "data", small_pass.tokenizer()
    (data / "items").mkdir(parents=True)
    tokenizer.save(str(data / "tokenizer.json"))
    contexts = [item.requests[0][0] for item in small_pass.items(TASK)[:4]]
    save_items(
        data / "items" / f"{TASK}.jsonl",
        [Item(TASK, index, ((context, ""),), "") for index, context in enumerate(contexts)],
    )
    checkpoint.save_checkpoint(path / "own.safetensors", gpt(), 1000, 10, fingerprint(tokenizer), 6.9, "small")
    to_llama(gpt()).save_pretrained(path / "llama")
    exported = Tokenizer.from_str(tokenizer.to_str())
    exported.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    PreTrainedTokenizerFast(tokenizer_object=exported, bos_token=BOS).save_pretrained(path / "llama")
    return path


def arguments(folder: Path, out: Path, model: str = "own.safetensors", **options) -> list[str]:
    named = {
        "model": folder / model,
        "task": TASK,
        "data": folder / "data",
        "out": out,
        "cap": 6000,
        "target": 3,
    } | options
    return [text for name, value in named.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def run(folder: Path, out: Path, **options) -> pd.DataFrame:
    assert main(arguments(folder, out, **options)) == 0
    assert not out.with_name(out.name + ".state.json").exists()
    return pd.read_parquet(out)


def test_exact_bounds_shared_counts_and_plain_sampling_agree(folder, tmp_path, capsys):
    exact = run(folder, tmp_path / "exact.parquet", method="exact")
    assert (exact.log_pass_high - exact.log_pass_low).between(0, 1e-3).all() and (exact.log_pass_low < -5).all()
    for method, cap in (("shared", 50_000), ("sampled", 4000)):
        table = run(folder, tmp_path / f"{method}.parquet", method=method, target=0, cap=cap)
        assert (table.attempts == cap).all() and not table.is_reached.any() and (table.target == 0).all()
        expected = (np.exp(exact.log_pass_low) * cap).sum()
        assert abs(table.passes.sum() - expected) < 5 * math.sqrt(expected)
    assert "cost: 4 items, at most" in capsys.readouterr().out


def trained_to_stop(folder: Path) -> Path:
    """The same model after a few steps on the only answer there is, the stop: a proposal that passes more often."""
    model, tokenizer = gpt(), small_pass.tokenizer()
    stops = [
        token for token, piece in enumerate(token_pieces(tokenizer)) if piece == b"."
    ]  # a merge and a byte: a proposal must know all ways to pass
    prompts = [
        [BOS_ID, *tokenizer.encode(item.requests[0][0], add_special_tokens=False).ids]
        for item in small_pass.items(TASK)[:4]
    ]
    optimizer = torch.optim.SGD([model.head.weight], lr=0.02)
    for _ in range(10):
        optimizer.zero_grad()
        sum(-model(torch.tensor([prompt]))[0, -1].log_softmax(-1)[stops].mean() for prompt in prompts).backward()
        optimizer.step()
    path = folder / "trained.safetensors"
    checkpoint.save_checkpoint(path, model, 1000, 10, fingerprint(tokenizer), 6.9, "trained")
    return path


def test_importance_sampling_agrees_with_the_exact_bounds(folder, tmp_path, capsys):
    exact = np.exp(run(folder, tmp_path / "exact.parquet", method="exact").log_pass_low)
    tables = {
        "trained": run(
            folder, tmp_path / "trained.parquet", method="importance", cap=2000, proposal=trained_to_stop(folder)
        ),
        "tempered": run(
            folder, tmp_path / "tempered.parquet", method="importance", cap=20_000, proposal_temperature=1.5
        ),
    }
    for table in tables.values():
        assert (abs(table.estimate - exact) < 5 * table.standard_error).all() and (table.method == "importance").all()
        assert (
            (table.attempts == table.cap).all()
            and (table.passes >= table.effective_sample_size - 1e-6).all()
            and not table.is_reached.any()
        )
    assert (tables["trained"].effective_sample_size > 20).all(), "plain sampling passes about twice in 2,000 attempts"
    assert "smallest effective sample" in capsys.readouterr().out


def test_rows_say_what_was_measured(folder, tmp_path):
    table = run(folder, tmp_path / "passes.parquet", num_items=3, temperature=0.9, top_p=0.99)
    row = table.iloc[0]
    assert list(table.item_id) == [0, 1, 2] and (row.run, row.tokens_seen, row.task, row.method) == (
        "small",
        1000,
        TASK,
        "shared",
    )
    assert (row.temperature, row.top_p, row.target, row.cap) == (0.9, 0.99, 3, 6000)
    reached = table[table.is_reached]
    assert len(reached) and (reached.passes == 3).all() and (reached.pass_positions.str[-1] == reached.attempts).all()
    assert row.num_nonembedding_parameters == gpt().config.num_nonembedding_parameters and len(row.weight_hash) == 64
    assert (table.answer_tokens == 1).all() and table.answer_log_likelihood.between(-12, -3).all()  # the stop alone


def test_the_same_model_through_transformers_gives_the_same_probabilities(folder, tmp_path):
    ours, theirs = (
        run(folder, tmp_path / f"{name[:3]}.parquet", model=name, method="exact")
        for name in ("own.safetensors", "llama")
    )
    np.testing.assert_allclose(theirs.log_pass_low, ours.log_pass_low, atol=1e-4)
    np.testing.assert_allclose(theirs.answer_log_likelihood, ours.answer_log_likelihood, atol=1e-4)
    assert theirs.num_nonembedding_parameters.equals(ours.num_nonembedding_parameters) and (theirs.run == "llama").all()


def test_a_byte_level_gpt2_folder_works(folder, tmp_path):
    from test_evaluation_readers_pieces_huggingface import byte_level

    tokenizer = byte_level()
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer) + 3, n_positions=400, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    table = run(folder, tmp_path / "passes.parquet", model=tmp_path / "gpt2", num_items=2)
    assert table.passes.sum() > 0 and (table.run == "gpt2").all()


REAL_FILES = {
    "emoji_movie_bigbench": json.dumps(
        {"examples": [{"input": f"Which film is {number}?", "target": title} for number, title in enumerate("abcd")]}
    ),
    "date_understanding_bigbench": json.dumps(
        {"examples": [{"input": f"Day {day}?\nOptions:\n(A) 1\n(B) 2", "target": "(B)"} for day in range(4)]}
    ),
    "HumanEval": json.dumps(
        {
            "task_id": "HumanEval/0",
            "prompt": "def f():\n",
            "canonical_solution": "    return 1\n",
            "entry_point": "f",
            "test": "def check(candidate):\n    assert candidate() == 1\n",
        }
    ),
}


@pytest.mark.parametrize("task", REAL_FILES)
def test_published_tasks_are_read_from_their_files(folder, tmp_path, capsys, task):
    items = tmp_path / ("rows.jsonl" if task == "HumanEval" else "rows.json")
    items.write_text(REAL_FILES[task])
    table = run(folder, tmp_path / "passes.parquet", task=task, items=items, cap=20, target=0, max_new_tokens=4)
    assert (
        len(table) == (1 if task == "HumanEval" else 2)
        and (table.attempts == 20).all()
        and (table.answer_tokens > 1).all()
    )
    assert main(arguments(folder, tmp_path / "again.parquet", task=task)) == 2
    assert "with --items" in capsys.readouterr().err


def plan_of(folder: Path, out: Path, **options):
    parsed = parser().parse_args(arguments(folder, out, **options))
    return make_plan(parsed, parsed.data)


class Interrupted(PassProgress):
    """Ctrl-C at the n-th report."""

    def __init__(self, at: float = math.inf):
        super().__init__("interrupted", 2, 0)
        self.num_reports, self._at = 0, at

    def update(self, num_done: int, fraction: float) -> None:
        self.num_reports += 1
        if self.num_reports == self._at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("method", "cap"), [("shared", 3_500_000), ("sampled", 2000), ("importance", 2000)])
def test_an_interrupted_measurement_goes_on_and_ends_with_the_same_numbers(folder, tmp_path, method, cap):
    plan = plan_of(folder, tmp_path / "x.parquet", method=method, target=0, cap=cap, num_items=2)
    undisturbed = Interrupted()
    whole = measure_plan(plan, State(tmp_path / "whole.json", plan.settings), undisturbed)
    path, joined, num_starts = tmp_path / "parts.json", None, 0
    while joined is None:
        try:
            joined = measure_plan(plan, State(path, plan.settings), Interrupted(3))
        except KeyboardInterrupt:
            num_starts += 1
            assert num_starts <= math.ceil(undisturbed.num_reports / 3), (
                "what was counted before an interruption was lost"
            )
    assert num_starts > 2
    pd.testing.assert_frame_equal(joined.drop(columns="seconds"), whole.drop(columns="seconds"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_p": 0}, "top_p is 0.0"),
        ({"temperature": 0}, "temperature is 0.0"),
        ({"target": 11, "cap": 10}, "target is 11 passes with a cap of 10 attempts"),
        ({"cap": 0, "target": 0}, "cap is 0"),
        ({"num_items": 9}, "num_items is 9"),
        ({"max_new_tokens": 90}, "max_sequence_length is 96"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"task": "recall"}, "task 'recall' has no checker"),
        ({"task": "date_understanding"}, "no such file of items"),
        ({"model": "absent.safetensors"}, "no such checkpoint"),
        ({"model": "./absent"}, "no such folder"),
        ({"model": "data"}, "no causal language model that transformers can load"),
        ({"dtype": "bfloat16"}, "read in float32"),
        ({"proposal": "own.safetensors"}, "belong to --method importance, not to shared"),
        ({"method": "importance", "proposal": "absent.safetensors"}, "no such checkpoint"),
        ({"method": "importance", "cap": 10}, "target_share is 0.1 of 10 attempts"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(folder, tmp_path, capsys, options, message):
    out = tmp_path / "passes.parquet"
    assert main(arguments(folder, out, **({"model": "own.safetensors"} | options))) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed and printed.startswith("passuntil: ") and "\n" not in printed
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_tokenizer_is_refused(folder, tmp_path, capsys):
    checkpoint.save_checkpoint(
        tmp_path / "other.safetensors", gpt(), 1000, 10, fingerprint(small_corpus.tokenizer()), 6.9, "other"
    )
    assert main(arguments(folder, tmp_path / "o.parquet", model=tmp_path / "other.safetensors")) == 2
    assert "which is not there" in capsys.readouterr().err


def test_a_proposal_with_other_tokens_is_refused(folder, tmp_path, capsys):
    from test_evaluation_readers_pieces_huggingface import byte_level

    tokenizer = byte_level()
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_positions=400, n_embd=32, n_layer=1, n_head=2)
    ).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    assert main(arguments(folder, tmp_path / "o.parquet", method="importance", proposal=tmp_path / "gpt2")) == 2
    assert "has other tokens than --model" in capsys.readouterr().err


def test_damaged_weights_are_named(folder, tmp_path, capsys):
    model = gpt()
    with torch.no_grad():
        model.head.weight[7] = float("nan")
    checkpoint.save_checkpoint(
        tmp_path / "nan.safetensors", model, 1000, 10, fingerprint(small_pass.tokenizer()), 6.9, "nan"
    )
    assert main(arguments(folder, tmp_path / "o.parquet", model=tmp_path / "nan.safetensors")) == 2
    assert "NaN" in capsys.readouterr().err


def test_a_table_that_exists_is_not_written_over(folder, tmp_path, capsys):
    out = tmp_path / "passes.parquet"
    out.write_bytes(b"precious")
    assert main(arguments(folder, out)) == 2
    assert "exists already" in capsys.readouterr().err and out.read_bytes() == b"precious"
    assert main(arguments(folder, tmp_path / "passes.csv")) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "damaged state"), ('{"settings": {"run": "large"}, "rows": {}, "open": {}}', "field run is 'large'")],
)
def test_a_state_of_something_else_is_refused_and_kept(folder, tmp_path, capsys, content, message):
    out = tmp_path / "passes.parquet"
    state = out.with_name("passes.parquet.state.json")
    state.write_text(content)
    assert main(arguments(folder, out)) == 2
    assert message in capsys.readouterr().err and state.read_text() == content


def test_a_place_that_cannot_be_written_is_found_before_the_work(folder, capsys):
    assert main(arguments(folder, Path("/proc/passes.parquet"))) == 1
    assert "/proc" in capsys.readouterr().err


def test_the_command_itself(folder, tmp_path):
    command = [
        sys.executable,
        "-m",
        "evaluation.passuntil",
        *arguments(folder, tmp_path / "passes.parquet", num_items=1),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout.splitlines()) == 2, done
    assert len(pd.read_parquet(tmp_path / "passes.parquet")) == 1
