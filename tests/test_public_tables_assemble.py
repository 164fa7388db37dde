"""From upstream's files to one tidy table: columns, joined groups, digits, and what upstream leaves out."""

import io

import pandas as pd
import pytest

from public_tables.assemble import ANNEAL_STEP, ASSEMBLERS, MMLU_GROUPS, OLMO_PARAMS, olmo_ladder
from public_tables.sources import SOURCES

ENDINGS = ("rc_5shot_len_norm", "rc_5shot_soft", "rc_5shot_soft_log", "rc_5shot_bpb", "mc_5shot_len_norm")


def upstream(**columns) -> bytes:
    """A csv as upstream writes it: one loss and MMLU's groups, 0.1 per group in order of MMLU_GROUPS."""
    frame = {"eval/c4_en-validation/CrossEntropyLoss": [3.1234567, 2.5]}
    for split in ("test", "val"):
        for ending in ENDINGS:
            frame |= {
                f"eval/downstream/mmlu_{group}_{split}_{ending}": [0.1 * (place + 1)] * 2
                for place, group in enumerate(MMLU_GROUPS)
            }
    rows = pd.DataFrame(frame | columns | {"learning_rate_peak": 0.0003, "batch_size_in_tokens": 4194304})
    return rows.to_csv(index=False).encode()


FILES = {
    "a/190M-10xC.csv": upstream(
        _step=[50, 100], **{"throughput/total_tokens": [26214400, 52428800], "optim/learning_rate_group0": 0.000133984}
    ).replace(b"4194304", b"524288"),
    "a/peteish7_eval_full.csv": upstream(_step=[5000, 10000]),
    "a/peteish7_eval_anneal.csv": upstream(**{"throughput/total_tokens": [3945100000000.0, 3945100000000.0]}),
}


@pytest.fixture(scope="module")
def table():
    files = dict(FILES)
    for path, raw in files.items():  # training compute is a column of the ladder's files alone
        frame = pd.read_csv(io.BytesIO(raw))
        if "190M" in path:
            frame["throughput/total_training_Gflops"] = 4.98963e7
        files[path] = frame.to_csv(index=False).encode()
    return pd.read_csv(io.BytesIO(olmo_ladder(files)))


def test_runs_are_joined_with_size_and_tokens(table):
    assert list(table.run.unique()) == ["190M-10xC", "peteish7_eval_anneal", "peteish7_eval_full"]
    first, anneal, full = (table[table.run == run].iloc[0] for run in table.run.unique())
    assert (first["size"], first.params, first.chinchilla_mult) == ("190M", OLMO_PARAMS["190M"], 10.0)
    assert first.tokens == 26214000 and first.loss_c4 == 3.1235, "five digits"
    assert (anneal.step, anneal.tokens) == (ANNEAL_STEP, 3.9451e12)
    assert full.tokens == pytest.approx(5000 * 4194304, rel=1e-4) and pd.isna(full.chinchilla_mult)


def test_groups_of_mmlu_are_weighted_by_their_questions(table):
    expected = sum(0.1 * (place + 1) * n for place, n in enumerate(MMLU_GROUPS.values())) / 14042
    for split in ("test", "val"):
        for ending in ENDINGS:
            assert table[f"mmlu_{split}_{ending}"].iloc[0] == pytest.approx(expected, rel=1e-4)
    assert "mmlu_stem_test_rc_5shot_soft" in table and "mmlu_stem_val_rc_5shot_soft" not in table
    assert sum(MMLU_GROUPS.values()) == 14042


def test_an_assembler_belongs_to_a_source_and_takes_files():
    assert set(ASSEMBLERS) <= set(SOURCES)
    assert all("." in path.rsplit("/", 1)[-1] for name in ASSEMBLERS for path in SOURCES[name].paths)
