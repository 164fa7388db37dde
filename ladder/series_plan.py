"""The rows of paper P's series: runs that differ in their size, each size fed the same batches in the same order.

They are a ladder like that of paper L (recipes, resuming, pool, table of runs: sweep_*.py), seen through a profile
whose sizes, context and costs are those of the section `passuntil`, and through paths of their own.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ladder.data import Data
from ladder.plan import Run, checkpoint_schedule, recipe, shared_settings
from ladder.training import Ladder
from models.config import GPTConfig, TrainConfig
from profiles.paths import Paths
from profiles.profile import Profile


@dataclass(frozen=True)
class SeriesPaths(Paths):
    """Where the series lie: the places of a ladder in a profile's results."""

    @property
    def data(self) -> Path:
        """Tokenizer and items of paper P."""
        return super().data / "passuntil"

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.series

    @property
    def runs_table(self) -> Path:
        """One row per run."""
        return self.series_table

    @property
    def run_scores(self) -> Path:
        """What was measured of each run."""
        return self.run_pass_rates


@dataclass(frozen=True)
class SeriesLadder(Ladder):
    """The planned runs of all series of a profile."""

    def data(self, name: str) -> Data:
        """What a run reads: the stream of its series."""
        return Data(self.profile, self.paths.data, self.runs[name].series)


def series_view(profile: Profile) -> Profile:
    """The profile with sizes, context and costs of its series in the places where those of the ladder stand."""
    asked = profile.passuntil
    training = profile.training.model_copy(
        update={"sequence_length": asked.sequence_length, "batch_sequences": asked.batch_sequences}
    )
    cost = profile.cost.model_copy(update={"core_tokens_per_second": profile.cost.series_core_tokens_per_second})
    return profile.model_copy(update={"training": training, "sizes": asked.sizes, "cost": cost})


def plan_series(profile: Profile, vocab_size: int) -> list[Run]:
    """All rows: series by series, seed by seed, sizes in the order of the profile. Names are never parsed back."""
    asked = profile.passuntil
    return [
        _run(profile, vocab_size, series, size, seed)
        for series in asked.series
        for seed in asked.seeds
        for size in asked.sizes
    ]


def _run(profile: Profile, vocab_size: int, series: str, size: str, seed: int) -> Run:
    view, asked, name = series_view(profile), profile.passuntil, f"series_{series}_{size}_s{seed}"
    shape = asked.sizes[size]
    model = GPTConfig(
        vocab_size,
        shape.num_layers,
        shape.d_model,
        shape.num_heads,
        shape.num_kv_heads,
        shape.d_ff,
        asked.sequence_length,
    )
    train = TrainConfig(
        run=name,
        seed=seed,
        data_seed=seed,
        total_tokens=asked.tokens,
        max_lr=shape.max_lr,
        schedule="cosine",
        checkpoint_tokens=checkpoint_schedule(asked.tokens, view.training.step_tokens, asked.num_checkpoints, "log"),
        **shared_settings(view.training),
    )
    return Run(name, series, size, seed, model, train)


def open_series(profile: Profile, paths: SeriesPaths) -> SeriesLadder:
    """Plan a profile's series over their data. ValueError in one line where the data are absent or of another
    profile."""
    view = series_view(profile)
    opened = {series: Data(view, paths.data, series) for series in profile.passuntil.series}
    vocab_size = next(iter(opened.values())).tokenizer.get_vocab_size()
    runs = {run.name: run for run in plan_series(profile, vocab_size)}
    hashes = {
        series: {seed: data.stream_hash(seed) for seed in profile.passuntil.seeds} for series, data in opened.items()
    }
    recipes = {name: json.loads(json.dumps(recipe(run, runs, hashes[run.series]))) for name, run in runs.items()}
    return SeriesLadder(view, paths, runs, recipes)
