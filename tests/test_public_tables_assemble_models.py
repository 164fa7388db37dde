"""Models and checkpoints with many scores from files as upstream writes them: columns, joins, digits, order."""

import io
import json

import pandas as pd

from public_tables.assemble_models import DCLM_LEFT_OUT, dclm, gadre, gemstones


def read(made: bytes):
    return pd.read_csv(io.BytesIO(made))


def test_bookkeeping_is_left_out_and_numbers_are_cut():
    raw = pd.DataFrame(dict.fromkeys(DCLM_LEFT_OUT, "x") | {"Dataset": ["rw"], "mmlu_zeroshot": [0.23261159]})
    rows = read(dclm({"a.csv": raw.to_csv(index=False).encode()}))
    assert rows.to_dict("records") == [{"Dataset": "rw", "mmlu_zeroshot": 0.23261}]


def model(name: str, corpus: str, params: int) -> dict[str, bytes]:
    settings = {"params": params, "params_no_embed": params // 2, "tokens": 20 * params, "chinchilla_multiplier": 1.0}
    settings |= {"lr": 0.003, "wd": 0.033, "global_bs": 512, "warmup": 100}
    losses = [
        {"loss": 4.25702358, "val_data": ["training/eval_data/val_tok_mult/openlm/shard_0.tar"]},
        {"loss": 3.52794928, "val_data": ["training/eval_data/c4_val/shard-0.tar"]},
    ]
    for loss in losses:
        loss |= {"loss_tokens_lower_95": 3.51713217, "loss_tokens_upper_95": 3.5387815}
    about = {"name": name, "dataset_name": corpus, "hyperparameters": settings, "results": losses}
    scores = {"eval_metrics": {"icl": {"mmlu": 0.254321987, "piqa": 0.5}}}
    return {
        f"exp_data/models/{name}.json": json.dumps(about).encode(),
        f"exp_data/evals/evaluation_{name}_heavy.json": json.dumps(scores).encode(),
    }


def test_models_are_joined_with_their_scores_in_order_of_corpus_and_size():
    rows = read(
        gadre(model("rpj-b", "rpj", 400) | model("c4_original-b", "c4_original", 400) | model("c4-a", "c4", 100))
    )
    assert rows[["train_data", "params"]].values.tolist() == [["c4", 100], ["c4", 400], ["rpj", 400]]
    first = rows.iloc[0]
    assert (first.loss_openlm, first.loss_c4_val, first.loss_c4_val_lo) == (4.25702, 3.52795, 3.51713)
    assert (first.acc_mmlu, first.has_eval, first.tokens_per_param) == (0.254322, 1, 20)
    assert "loss_openlm_lo" not in rows and list(rows)[-1] == "has_eval"


def test_scores_of_gemstones_meet_both_losses():
    scores = pd.DataFrame(
        {"arc:easy": [0.3631234, 0.5], "mmlu": [0.256, 0.3]},
        index=["Gemstone-512x8-main", "Gemstone-512x8-step_00002385"],
    )
    raw = io.BytesIO()
    scores.to_parquet(raw)
    files = {"benchmarks/light_eval_df.parquet": raw.getvalue()}
    for name, loss in (("fineweb_edu", 3.1), ("fineweb_dclm", 3.2)):
        lines = [
            {
                "step": step,
                "final_loss": loss,
                "run_name": "Gemstone-512x8",
                "width": 512,
                "depth": 8,
                "tokens": 10 * step,
            }
            | {"params_active_precise": 4e7}
            for step in (83475, 2385)
        ]
        files[f"benchmarks/{name}_losses_combined.jsonl"] = "\n".join(map(json.dumps, lines)).encode()
    rows = read(gemstones(files))
    assert rows.step.tolist() == [2385, 83475] and rows.rev.tolist() == ["step_00002385", "main"]
    assert rows.acc_arce.tolist() == [0.5, 0.36312] and rows.loss_fineweb_edu.tolist() == [3.1, 3.1]
    assert rows.loss_dclm.tolist() == [3.2, 3.2] and rows.tokens.tolist() == [23850, 834750]
