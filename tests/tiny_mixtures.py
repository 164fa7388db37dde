"""A ladder of paper L on two mixtures of the second world that trains in seconds; data made once a process."""

import tempfile
from functools import lru_cache
from pathlib import Path

from ladder.ladder import Ladder, open_ladder
from profiles.paths import Paths
from profiles.schema import Evaluation, Profile
from tasks.build import build
from tests import tiny_ladder

NAME, MIXTURES = "tiny_mixtures", ("v2a", "v2b")
NUM_ITEMS, NUM_ITEMS_LAST = 2, 3
LONG = {mixture: f"long_10k_{mixture}_s0" for mixture in MIXTURES}


@lru_cache
def profile() -> Profile:
    """The tiny profile on two mixtures, with a few checkpoints and items."""
    tiny = tiny_ladder.profile()
    corpus = tiny.corpus.model_copy(update={"mixture": MIXTURES[0], "further_mixtures": list(MIXTURES[1:])})
    sweep = tiny.sweep.model_copy(update={"in_turn": True})
    evaluation = Evaluation(num_items=NUM_ITEMS, num_items_last=NUM_ITEMS_LAST, precision="bf16", batch_tokens=4096)
    return tiny.model_copy(update={"name": NAME, "corpus": corpus, "evaluation": evaluation, "sweep": sweep})


@lru_cache
def data_folder() -> Path:
    """Tokenizer, items, streams and validation sets of both mixtures."""
    corpus = profile().corpus
    folder = Path(tempfile.mkdtemp(prefix="tiny_mixtures_")) / "data"
    about = {
        "world_seed": corpus.world_seed,
        "mixture_name": corpus.mixture,
        "further_mixtures": tuple(corpus.further_mixtures),
        "train_tokens": {0: corpus.train_tokens},
        "validation_sequences": corpus.validation_sequences,
        "sequence_length": profile().training.sequence_length,
    }
    build(folder, about, NUM_ITEMS_LAST)
    return folder


def ladder(root: Path) -> Ladder:
    """A fresh ladder under `root`, nothing trained."""
    paths = Paths(NAME, root)
    paths.runs("loss").mkdir(parents=True)
    paths.data.symlink_to(data_folder())
    return open_ladder(profile(), paths, ("loss",))
