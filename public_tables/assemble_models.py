"""Tables of models and checkpoints with many scores each, from their upstream files."""

import io
import json
from collections.abc import Mapping
from pathlib import PurePosixPath

import pandas as pd

# Ids and bookkeeping of DataComp-LM's database, which say nothing of a model.
DCLM_LEFT_OUT = ("Model JSON", "creation_date", "low_variance_datasets", "model_uuid", "_filename", "missing tasks")
DCLM_LEFT_OUT += ("dataset_uuid",)
TOKENS_A_PARAMETER = 20  # at a multiple of 1, as the table's authors count
GADRE_KEYS = {"params": "params", "params_noembed": "params_no_embed", "tokens": "tokens"}
GADRE_KEYS |= {"chinchilla_mult": "chinchilla_multiplier", "tokens_per_param": "", "lr": "lr", "wd": "wd"}
GADRE_KEYS |= {"global_bs": "global_bs", "warmup": "warmup"}
WITH_ENDS = "c4_val"  # the one loss whose 95 % ends are kept
ENDS = {"lo": "lower", "hi": "upper"}
GEMSTONE_TASKS = {"arc:challenge": "arcc", "arc:easy": "arce", "commonsense_qa": "csqa", "openbookqa": "openbook"}
LAST_STEP = 83475  # of the revision "main"


def dclm(files: Mapping[str, bytes]) -> bytes:
    """mlfoundations/dclm: the database without ids and bookkeeping, five digits."""
    (raw,) = files.values()
    table = pd.read_csv(io.BytesIO(raw), low_memory=False).drop(columns=list(DCLM_LEFT_OUT))
    return table.to_csv(index=False, float_format="%.5g", lineterminator="\n").encode()


def gadre(files: Mapping[str, bytes]) -> bytes:
    """mlfoundations/scaling: one row per model, its settings, losses and scores, six digits."""
    rows = []
    for path, raw in files.items():
        if "/models/" not in path:
            continue
        model = json.loads(raw)
        settings = model["hyperparameters"]
        row = {"name": model["name"], "train_data": model["dataset_name"].removesuffix("_original")}
        row |= {ours: settings.get(theirs) for ours, theirs in GADRE_KEYS.items()}
        row["tokens_per_param"] = TOKENS_A_PARAMETER * row["chinchilla_mult"]
        for result in model["results"]:
            folder, *rest = result["val_data"][0].split("eval_data/")[1].split("/")
            name = rest[0] if folder == "val_tok_mult" else folder
            row[f"loss_{name}"] = result["loss"]
            if name == WITH_ENDS:
                row |= {f"loss_{name}_{end}": result[f"loss_tokens_{side}_95"] for end, side in ENDS.items()}
        scores = files[path.replace("/models/", "/evals/evaluation_").replace(".json", "_heavy.json")]
        row |= {f"acc_{task}": score for task, score in json.loads(scores)["eval_metrics"]["icl"].items()}
        rows.append(row | {"has_eval": 1})
    table = pd.DataFrame(rows).sort_values(["train_data", "params", "tokens"], kind="stable")
    table = table[[*(column for column in table if column != "has_eval"), "has_eval"]]
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def gemstones(files: Mapping[str, bytes]) -> bytes:
    """mcleish7/gemstone-scaling-laws: losses on two validation sets and zero-shot scores of each checkpoint. The pinned
    table has training losses and losses of right answers too, which nothing here reads."""
    by_name = {PurePosixPath(path).name: raw for path, raw in files.items()}
    scores = pd.read_parquet(io.BytesIO(by_name["light_eval_df.parquet"]))
    scores = scores.rename(columns=lambda task: f"acc_{GEMSTONE_TASKS.get(task, task)}")
    place = scores.index.str.extract(r"^(?P<model>.+)-(?P<rev>main|step_\d+)$")
    place["step"] = [LAST_STEP if rev == "main" else int(rev.removeprefix("step_")) for rev in place.rev]
    table = pd.concat([place, scores.reset_index(drop=True)], axis=1)
    for name in ("fineweb_edu", "dclm"):
        raw = by_name[f"{'fineweb_dclm' if name == 'dclm' else name}_losses_combined.jsonl"]
        losses = pd.read_json(io.BytesIO(raw), lines=True)
        about = {"run_name": "model", "params_active_precise": "params", "final_loss": f"loss_{name}"}
        kept = ["run_name", "step", "final_loss"]
        kept += ["width", "depth", "tokens", "params_active_precise"] if name == "dclm" else []
        table = table.merge(losses[kept].rename(columns=about), on=["model", "step"], validate="1:1")
    first = ["model", "width", "depth", "params", "rev", "step", "tokens", "loss_fineweb_edu", "loss_dclm"]
    table = table[first + sorted(column for column in table if column.startswith("acc_"))]
    table = table.sort_values(["width", "depth", "step"], kind="stable").round(5)
    return table.to_csv(index=False, lineterminator="\n").encode()
