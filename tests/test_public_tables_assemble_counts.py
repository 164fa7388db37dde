"""Counts per item, reference losses and question groups from files as upstream writes them."""

import io

import pandas as pd
import pytest

from public_tables.assemble_counts import difficulty, math_attempts, pass_counts, reference_nll

MODELS = pd.DataFrame(
    {
        "Model Nickname": ["Pythia_14M_2M", "Pythia_70M_64M"],
        "HuggingFace Path": ["EleutherAI/pythia-14m", "EleutherAI/pythia-70m"],
        "HuggingFace Revision": ["step1", "step32"],
        "Tokens": [2_000_000, 64_000_000],
        "Parameters": [14_000_000, 70_000_000],
        "Parameters Excluding Embeddings": [1_189_888, 18_915_328],
    }
)


def parquet(table) -> bytes:
    made = io.BytesIO()
    pd.DataFrame(table).to_parquet(made)
    return made.getvalue()


def read(made: bytes):
    return pd.read_csv(io.BytesIO(made))


def test_attempts_are_the_rows_of_one_attempt_of_pythia_on_math():
    table = {"Model": ["Pythia 12B", "Pythia 70M", "Pythia 70M", "Llama 8B", "Pythia 70M"]}
    table |= {"Benchmark": ["MATH", "MATH", "MATH", "MATH", "GSM8K"], "Problem Idx": [82, 142, 82, 82, 82]}
    table |= {"Num. Samples Total": [10_000] * 5, "Num. Samples Correct": [122.0, 3.0, 8.0, 9.0, 1.0]}
    rows = read(math_attempts({"a.parquet": parquet(table | {"Scaling Parameter": [1] * 5})}))
    assert rows.values.tolist() == [
        ["math", "Pythia 70M", 70_000_000, 82, 10_000, 8],
        ["math", "Pythia 70M", 70_000_000, 142, 10_000, 3],
        ["math", "Pythia 12B", 12_000_000_000, 82, 10_000, 122],
    ]
    other = read(math_attempts({"a.parquet": parquet(table | {"Scaling Parameter": [1, 2, 1, 1, 1]})}))
    assert len(other) == 2, "pass@2 is no count"


def counts_file(levels: bool) -> bytes:
    table = {"Model Nickname": ["Pythia_70M_64M", "Pythia_14M_2M", "Pythia_14M_2M"], "prompt_idx": [12, 20, 20]}
    table |= {"Num. Samples": [128, 50_048, 50_048], "Num. Samples Correct": [5.0, 0.0, 0.0], "k": [1, 1, 2]}
    return parquet(table | ({"Level": ["Level 4"] * 3} if levels else {}))


def test_counts_carry_their_model_and_only_single_attempts():
    files = {
        "x/models_pythia.csv": MODELS.to_csv(index=False).encode(),
        "y/gsm8k_pass_at_k.parquet": counts_file(False),
    }
    rows = read(pass_counts(files | {"y/math_pass_at_k.parquet": counts_file(True)}))
    assert rows.benchmark.tolist() == ["gsm8k", "gsm8k", "math", "math"]
    assert rows.params.tolist() == [14_000_000, 70_000_000] * 2 and rows.passes.tolist() == [0, 5] * 2
    assert rows.level.isna().tolist() == [True, True, False, False]
    assert rows.revision.tolist() == ["step1", "step32"] * 2


def test_reference_losses_have_four_decimals():
    table = {"Model": ["Pythia_14M_2M"], "Problem Idx": [7], "Neg Log Score": [52.0303066], "Scaling Parameter": [2e17]}
    files = {"gpt4_gsm8k_neg_log_likelihood.parquet": parquet(table)}
    rows = read(reference_nll(files | {"models_pythia.csv": MODELS.to_csv(index=False).encode()}))
    assert rows.nll_nats.tolist() == [52.0303] and rows.tokens.tolist() == [2_000_000]


def test_groups_take_task_kind_and_threshold_from_the_name_of_the_file():
    about = {"Model": ["a/b", "c/d"], "Model Family": ["A", "C"], "Model Size (B)": [7.0, 70.0]}
    about |= {"Pretraining Data Size (T)": [2.0, 2.0], "FLOPs (1E21)": [84.0, 840.0]}
    raw = pd.DataFrame(about | {"0_10_brier": [0.12345678, None], "10_20_san": [0.5, 0.25], "brier": [0.3, 0.3]})
    name = "data/arc/acc_arc_instance_brier_-1000_100_10_redist.csv"
    rows = read(difficulty({name: raw.to_csv(index=False).encode()}))
    assert rows.value.tolist() == [0.123457, 0.5, 0.25] and rows.model.tolist() == ["a/b", "a/b", "c/d"]
    first = rows.iloc[0]
    assert (first.task, first.file_kind, first.choices, first.threshold_1e21_flops) == (
        "arc",
        "accuracy",
        "redist",
        100,
    )
    assert (first.first_item, first.last_item, first["column"]) == (0, 10, "brier")


def test_a_file_that_is_missing_is_no_table():
    with pytest.raises(StopIteration):
        pass_counts({"models_pythia.csv": b"x"})
