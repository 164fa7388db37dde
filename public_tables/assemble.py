"""One tidy table per source from the files of its pinned upstream revision, byte for byte the pinned content.

An assembler takes the files' bytes by path and returns the csv's bytes; `python -m experiments.public fetch` downloads
the files, assembles and compares with the checksum in sources.py.
"""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import pandas as pd

from public_tables.assemble_counts import difficulty, math_attempts, pass_counts, reference_nll
from public_tables.assemble_models import dclm, gadre, gemstones

Files = Mapping[str, bytes]
DIGITS = "%.5g"

# Parameters of each size: the table of 2412.04403 and the model cards; upstream files do not hold them.
OLMO_PARAMS = {
    "190M": 190354176,
    "370M": 371262464,
    "760M": 758220288,
    "1B": 1279395840,
    "3B": 3169537280,
    "peteish7": 6887575552,
    "peteish13": 13202396160,
}
ANNEAL_STEP = 928646  # upstream gives this one checkpoint by its tokens alone
# Questions per group of the test set; the pinned table weighs the validation set by them too.
MMLU_GROUPS = {"stem": 3153, "humanities": 4705, "social_sciences": 3077, "other": 3107}
HEAD = ("run", "size", "params", "chinchilla_mult", "step", "tokens", "batch_size_in_tokens", "lr")
RENAMED = {
    "_step": "step",
    "throughput/total_tokens": "tokens",
    "throughput/total_training_Gflops": "train_gflops",
    "optim/learning_rate_group0": "lr",
}


def olmo_ladder(files: Files) -> bytes:
    """allenai/OLMo-ladder: one csv per run; MMLU's four groups joined by their number of questions."""
    runs = [_olmo_run(PurePosixPath(path).stem, raw) for path, raw in sorted(files.items(), key=_by_stem)]
    table = pd.concat(runs, ignore_index=True)
    groups = [column for column in table if re.match(r"mmlu_\w+_val_", column)]
    joined = {}
    for split in ("test", "val"):
        for ending in ("rc_5shot_len_norm", "rc_5shot_soft", "rc_5shot_soft_log", "rc_5shot_bpb", "mc_5shot_len_norm"):
            parts = [weight * table[f"mmlu_{group}_{split}_{ending}"] for group, weight in MMLU_GROUPS.items()]
            joined[f"mmlu_{split}_{ending}"] = sum(parts) / sum(MMLU_GROUPS.values())
    table = pd.concat([table.drop(columns=groups), pd.DataFrame(joined)], axis=1)
    first = [*HEAD, "learning_rate_peak", "train_gflops"]
    table = table[first + [column for column in table if column not in first]]
    return table.to_csv(index=False, float_format=DIGITS, lineterminator="\n").encode()


def _by_stem(entry: tuple[str, bytes]) -> str:
    return PurePosixPath(entry[0]).name


def _olmo_run(run: str, raw: bytes) -> pd.DataFrame:
    frame = pd.read_csv(io.BytesIO(raw)).rename(columns=RENAMED)
    frame.columns = [_olmo_column(name) for name in frame.columns]
    size, _, multiple = run.replace("-rerun", "").partition("-")
    size = size.partition("_")[0]
    step = frame.get("step", pd.Series(ANNEAL_STEP, frame.index))
    tokens = frame.get("tokens", step * frame.batch_size_in_tokens).astype(float)
    multiple = str(float(multiple.removesuffix("xC"))) if multiple else None
    given = {"run": run, "size": size, "params": OLMO_PARAMS[size], "chinchilla_mult": multiple}
    given = pd.DataFrame(given | {"step": step, "tokens": tokens}, index=frame.index)
    return pd.concat([frame.drop(columns=["step", "tokens"], errors="ignore"), given], axis=1)


def _olmo_column(name: str) -> str:
    if loss := re.fullmatch(r"eval/(.+)-validation/CrossEntropyLoss", name):
        return f"loss_{loss[1].removesuffix('_en')}"
    return re.sub(r"^eval/downstream\w*/", "", name)


def as_it_is(files: Files) -> bytes:
    """A single file that is the table already."""
    (raw,) = files.values()
    return raw


# Pythia's 1,400 files bear dates in their names and need repairs by hand (public_tables/sources.py says which).
ASSEMBLERS: dict[str, Callable[[Files], bytes]] = {
    "olmo": olmo_ladder,
    "obsscaling": as_it_is,
    "dclm": dclm,
    "gadre": gadre,
    "gemstones": gemstones,
    "math_attempts": math_attempts,
    "pass_counts": pass_counts,
    "reference_nll": reference_nll,
    "difficulty": difficulty,
}
