"""A ladder of both papers that trains in seconds over the real corpus, in a folder of its own; data made once a
process.

Paper L: one long run, and one small size with two budgets that share a trunk. Paper P: three sizes of one series.
"""

import tempfile
from functools import lru_cache
from pathlib import Path

from ladder import work
from ladder.ladder import Ladder, open_ladder
from ladder.measurements import pass_rates
from ladder.training import prepare_folder, train_run
from profiles.paths import PAPERS, Paths
from profiles.profile import load_profile
from profiles.schema import Profile, Size
from tasks import PASS_TASKS
from tasks.build import build

NUM_STEPS = 60
NUM_ITEMS = 3  # of paper L's tasks
NUM_PASS_STEPS = 10
NUM_PASS_ITEMS = 2
NUM_CHECKPOINTS = 2
TASKS = ("emoji_movie", "maths")  # of paper P
LONG, TRUNK, BRANCH = "long_10k_s0", "small_10k_0.02048M_s0", "small_10k_0.01024M_s0"
SMALL, MIDDLE, LARGE = "series_prose_a_s0", "series_prose_b_s0", "series_prose_c_s0"


@lru_cache
def profile() -> Profile:
    """The smoke profile, made smaller."""
    smoke = load_profile("smoke")
    step, pass_step = 4 * smoke.training.sequence_length, 2 * smoke.passuntil.sequence_length
    long = {"sizes": ["10k"], "tokens": NUM_STEPS * step, "num_checkpoints": NUM_CHECKPOINTS}
    small = {"budgets": {"10k": [20 * step, 40 * step]}, "num_checkpoints": NUM_CHECKPOINTS, "schedule": "wsd"}
    sizes = {
        name: Size(num_layers=1, d_model=width, num_heads=1, num_kv_heads=1, d_ff=2 * width, max_lr=1e-2)
        for name, width in (("a", 8), ("b", 12), ("c", 16))
    }
    sampling = {"num_items": NUM_PASS_ITEMS, "target": 2, "cap": 40, "exact_evaluations": 60}
    passuntil = {
        "batch_sequences": 2,
        "sizes": sizes,
        "held_out": ["c"],
        "tokens": NUM_PASS_STEPS * pass_step,
        "num_checkpoints": NUM_CHECKPOINTS,
        "validation_sequences": 4,
        "num_items": NUM_PASS_ITEMS,
        "sampling": smoke.passuntil.sampling.model_copy(update=sampling | {"decoding_temperatures": [0.5]}),
        "threshold_sampling": smoke.passuntil.threshold_sampling.model_copy(update=sampling),
    }
    cost = {
        "series_core_tokens_per_second": dict.fromkeys(sizes, 1e5),
        "pass_core_seconds": dict.fromkeys(sizes, 1.0),
        "threshold_core_seconds": {"10k": 1.0},
    }
    changes = {
        "training": {"batch_sequences": 4, "warmup_tokens": 2 * pass_step, "resume_every_steps": 10},
        "long_runs": long,
        "small_runs": small,
        "corpus": {"train_tokens": 70_000, "validation_sequences": 8},
        "evaluation": {"num_items": NUM_ITEMS},
        "passuntil": passuntil,
        "cost": cost,
    }
    sections = {name: getattr(smoke, name).model_copy(update=update) for name, update in changes.items()}
    return smoke.model_copy(update={"name": "tiny", **sections})


@lru_cache
def data_folder() -> Path:
    """Corpora, tokenizers and items of both papers."""
    tiny = profile()
    folder = Path(tempfile.mkdtemp(prefix="tiny_ladder_")) / "data"
    corpus = {
        "world_seed": tiny.corpus.world_seed,
        "mixture_name": tiny.corpus.mixture,
        "train_tokens": {0: tiny.corpus.train_tokens},
        "validation_sequences": tiny.corpus.validation_sequences,
        "sequence_length": tiny.training.sequence_length,
    }
    passuntil_corpus = {
        "world_seed": tiny.corpus.world_seed,
        "series": dict(tiny.passuntil.series),
        "train_tokens": {0: 1 << 16},
        "validation_sequences": tiny.passuntil.validation_sequences,
        "sequence_length": tiny.passuntil.sequence_length,
    }
    build(folder, corpus, NUM_ITEMS, passuntil_corpus, passuntil_items=NUM_PASS_ITEMS)
    return folder


def paths(root: Path) -> Paths:
    """Paths under `root`, with the data linked in."""
    tiny = Paths("tiny", root)
    for paper in PAPERS:
        tiny.runs(paper).mkdir(parents=True)
    tiny.data.symlink_to(data_folder())
    return tiny


def ladder(root: Path, papers: tuple[str, ...] = ("loss",)) -> Ladder:
    """A fresh ladder under `root`, nothing trained."""
    return open_ladder(profile(), paths(root), papers)


def two_tasks(monkeypatch) -> None:
    """Let pass rates be measured on two tasks alone."""
    monkeypatch.setattr(pass_rates, "PASS_TASKS", {name: PASS_TASKS[name] for name in TASKS})


def train_here(trained: Ladder, *names: str) -> None:
    """Train runs in this process, one after another."""
    for name in names:
        prepare_folder(trained, name)
        train_run((trained, name), lambda fraction: None, 0)


def start(trained: Ladder, lock=None, **options) -> work.Start:
    """A start of the command line on a ladder."""
    return work.Start(trained, lock, "python -m ladder", **options)
