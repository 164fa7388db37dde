"""A ladder that trains in seconds over the real corpus, in a folder of its own; made once a test process."""

import tempfile
from functools import lru_cache
from pathlib import Path

from ladder.data import Data
from ladder.plan import plan_runs
from ladder.training import Ladder, make_ladder
from profiles.paths import Paths
from profiles.profile import Profile, load_profile
from tasks.build import build

NUM_STEPS = 60
NUM_ITEMS = 3


@lru_cache
def profile() -> Profile:
    """One long run and one small size with two budgets that share a trunk."""
    smoke = load_profile("smoke")
    step = 4 * smoke.training.sequence_length
    training = smoke.training.model_copy(
        update={"batch_sequences": 4, "warmup_tokens": 4 * step, "resume_every_steps": 10}
    )
    long = smoke.long_runs.model_copy(update={"sizes": ["10k"], "tokens": NUM_STEPS * step, "num_checkpoints": 2})
    small = smoke.small_runs.model_copy(
        update={"budgets": {"10k": [20 * step, 40 * step]}, "num_checkpoints": 2, "schedule": "wsd"}
    )
    corpus = smoke.corpus.model_copy(update={"train_tokens": 70_000, "validation_sequences": 8})
    evaluation = smoke.evaluation.model_copy(update={"num_items": NUM_ITEMS})
    return smoke.model_copy(
        update={
            "name": "tiny",
            "training": training,
            "long_runs": long,
            "small_runs": small,
            "corpus": corpus,
            "evaluation": evaluation,
        }
    )


@lru_cache
def data_folder() -> Path:
    """Its corpus, tokenizer and items."""
    tiny = profile()
    folder = Path(tempfile.mkdtemp(prefix="tiny_ladder_")) / "data"
    build(
        out=folder,
        world_seed=tiny.corpus.world_seed,
        mixture_name=tiny.corpus.mixture,
        train_tokens={0: tiny.corpus.train_tokens},
        validation_sequences=tiny.corpus.validation_sequences,
        sequence_length=tiny.training.sequence_length,
        num_items=NUM_ITEMS,
    )
    return folder


def paths(root: Path) -> Paths:
    """Paths under `root`, with the corpus linked in."""
    tiny = Paths("tiny", root)
    tiny.runs.mkdir(parents=True)
    tiny.data.symlink_to(data_folder())
    return tiny


def ladder(root: Path) -> Ladder:
    """A fresh ladder under `root`, nothing trained."""
    tiny = paths(root)
    data = Data(profile(), tiny.data)
    return make_ladder(profile(), tiny, plan_runs(profile(), data.tokenizer.get_vocab_size()), {0: data.stream_hash(0)})


LONG, TRUNK, BRANCH = "long_10k_s0", "small_10k_0.02048M_s0", "small_10k_0.01024M_s0"
