"""Series of paper P that train in seconds over the real corpus, on two of its tasks, in a folder of their own; made
once a test process."""

import tempfile
from functools import lru_cache
from pathlib import Path

from ladder.campaign import Campaign
from ladder.series_plan import SeriesPaths

import tasks
from ladder import campaign as series_campaign
from ladder.training import prepare_folder, train_run
from profiles.paths import Paths
from profiles.schema import Profile, Size
from tasks.build import build
from tests import tiny_ladder

NUM_ITEMS = 2
NUM_STEPS = 10
NUM_CHECKPOINTS = 2
TASKS = ("emoji_movie", "maths")
SMALL, LARGE = "series_prose_a_s0", "series_prose_c_s0"


@lru_cache
def profile() -> Profile:
    """Three sizes of one series, and the ladder of tiny_ladder for the thresholds."""
    tiny = tiny_ladder.profile()
    sizes = {
        name: Size(num_layers=1, d_model=width, num_heads=1, num_kv_heads=1, d_ff=2 * width, max_lr=1e-2)
        for name, width in (("a", 8), ("b", 12), ("c", 16))
    }
    sampling = tiny.passuntil.sampling.model_copy(
        update={"num_items": NUM_ITEMS, "target": 2, "cap": 40, "exact_evaluations": 60, "decoding_temperatures": [0.5]}
    )
    passuntil = tiny.passuntil.model_copy(
        update={
            "batch_sequences": 2,
            "sizes": sizes,
            "held_out": ["c"],
            "tokens": NUM_STEPS * 2 * tiny.passuntil.sequence_length,
            "num_checkpoints": NUM_CHECKPOINTS,
            "validation_sequences": 4,
            "num_items": NUM_ITEMS,
            "sampling": sampling,
            "threshold_sampling": sampling.model_copy(update={"decoding_temperatures": []}),
        }
    )
    training = tiny.training.model_copy(update={"warmup_tokens": 2 * 2 * tiny.passuntil.sequence_length})
    cost = tiny.cost.model_copy(
        update={
            "series_core_tokens_per_second": dict.fromkeys(sizes, 1e5),
            "pass_core_seconds": dict.fromkeys(sizes, 1.0),
            "threshold_core_seconds": {"10k": 1.0},
        }
    )
    return tiny.model_copy(update={"training": training, "passuntil": passuntil, "cost": cost})


@lru_cache
def data_folder() -> Path:
    """Corpora, tokenizers and items of both papers."""
    tiny = profile()
    folder = Path(tempfile.mkdtemp(prefix="tiny_series_")) / "data"
    build(
        out=folder,
        world_seed=tiny.corpus.world_seed,
        mixture_name=tiny.corpus.mixture,
        train_tokens={0: tiny.corpus.train_tokens},
        validation_sequences=tiny.corpus.validation_sequences,
        sequence_length=tiny.training.sequence_length,
        num_items=tiny_ladder.NUM_ITEMS,
        passuntil={
            "series": dict(tiny.passuntil.series),
            "train_tokens": {0: 1 << 16},
            "validation_sequences": tiny.passuntil.validation_sequences,
            "sequence_length": tiny.passuntil.sequence_length,
            "num_items": NUM_ITEMS,
        },
    )
    return folder


def use_root(root: Path, monkeypatch) -> SeriesPaths:
    """Let campaigns lie under `root`, with the data linked in and two tasks asked; returns their paths."""
    paths = SeriesPaths("tiny", root)
    paths.runs("loss").mkdir(parents=True)
    (paths.results / "data").symlink_to(data_folder())
    monkeypatch.setattr(series_campaign, "SeriesPaths", lambda name: SeriesPaths("tiny", root))
    monkeypatch.setattr(series_campaign, "Paths", lambda name: Paths("tiny", root))
    monkeypatch.setattr(tasks, "PASS_TASKS", {name: tasks.PASS_TASKS[name] for name in TASKS})
    return paths


def train_here(campaign: Campaign, *names: str) -> None:
    """Train runs in this process."""
    for name in names:
        prepare_folder(campaign.ladder, name)
        train_run((campaign.ladder, name), lambda fraction: None, 0)
