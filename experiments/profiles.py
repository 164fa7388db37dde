"""Profiles: the one place where sizes, budgets and seeds stand, and the one place that knows where results lie.

A profile is `profiles/<name>.yaml`, checked against the schema below. An unknown or ill-typed field, a size that its
heads do not divide, a series that names no size: each is one line that names file, field and mend (`ProfileError`).
`params.yaml` names the default profile, whose results.csv and figures stand in the figure folders themselves; those of
every other profile stand under results/<profile>/, so that no profile ever writes over another.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOT = Path(__file__).resolve().parent.parent
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.]*$")]  # size names become file names and parts of run names
Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
Schedule = Literal["cosine", "wsd"]


class ProfileError(ValueError):
    """A profile that cannot be used; the message is one line naming file, field and mend."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Corpus(_Section):
    """The world, its mixture and how much of the stream is frozen into data/ (`python -m corpus` reads this section)."""

    world_seed: Annotated[int, Field(ge=0)]
    mixture: str
    train_tokens: Annotated[int, Field(ge=0)]  # frozen per seed; a run that reads further draws the rest on the fly, same bytes
    validation_sequences: Count


class Training(_Section):
    """What all runs share. Token counts, not steps, so that a change of batch size keeps the meaning."""

    sequence_length: Count
    batch_sequences: Count
    warmup_tokens: Count
    min_lr_ratio: Annotated[float, Field(ge=0, le=1)]
    decay_fraction: Fraction  # of a wsd run's tokens, spent on the decay to the minimum
    weight_decay: Annotated[float, Field(ge=0)]
    beta1: Fraction
    beta2: Fraction
    grad_clip: Positive
    precision: Literal["auto", "fp32", "bf16"]
    resume_every_steps: Count

    @property
    def step_tokens(self) -> int:
        """Tokens per optimizer step."""
        return self.sequence_length * self.batch_sequences


class Size(_Section):
    """One width and depth of the ladder."""

    num_layers: Count
    d_model: Count
    num_heads: Count
    num_kv_heads: Count
    d_ff: Count
    max_lr: Positive

    @model_validator(mode="after")
    def _heads_divide(self) -> "Size":
        if self.d_model % self.num_heads or (self.d_model // self.num_heads) % 2:
            raise ValueError(f"d_model {self.d_model} is not an even multiple of num_heads {self.num_heads}; change one of the two")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}; change one of the two")
        return self


class LongRuns(_Section):
    """The series of few large runs that are read along training (paper L, Table 4)."""

    sizes: Annotated[list[Name], Field(min_length=1)]
    tokens: Count
    seeds: Seeds
    num_checkpoints: Count
    spacing: Literal["log", "linear"]
    schedule: Literal["cosine"]


class SmallRuns(_Section):
    """The series of sizes x token budgets (paper L, Table 5: 28 runs). Under `wsd` the budgets of a size share a trunk."""

    budgets: Annotated[dict[Name, Annotated[list[Count], Field(min_length=1)]], Field(min_length=1)]
    seeds: Seeds
    num_checkpoints: Count
    spacing: Literal["log", "linear"]
    schedule: Schedule


class Evaluation(_Section):
    """How many items of each task are scored, and how many tokens one forward pass may hold."""

    num_items: Count
    batch_tokens: Count


class Sweep(_Section):
    """Execution only: nothing here changes a result.

    reuse_scores: a run whose scores are in git counts as finished, for ladders that take days and several machines; without
    it every run is trained where `make reproduce` is called."""

    workers_per_gpu: Count
    reuse_scores: bool


class Cost(_Section):
    """Table for the estimate printed before a start, measured on one core; a short probe scales it to the machine."""

    core_tokens_per_second: dict[Name, Positive]
    evaluation_core_seconds: dict[Name, Positive]


class Profile(_Section):
    """A whole profile. Fields are the sections of the yaml file."""

    name: Name
    corpus: Corpus
    training: Training
    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    long_runs: LongRuns
    small_runs: SmallRuns
    evaluation: Evaluation
    sweep: Sweep
    cost: Cost

    @model_validator(mode="after")
    def _names_agree(self) -> "Profile":
        users = {
            "long_runs.sizes": self.long_runs.sizes,
            "small_runs.budgets": self.small_runs.budgets,
            "cost.core_tokens_per_second": self.cost.core_tokens_per_second,
            "cost.evaluation_core_seconds": self.cost.evaluation_core_seconds,
        }
        for field, names in users.items():
            if unknown := [name for name in names if name not in self.sizes]:
                raise ValueError(f"{field}: size {unknown[0]!r} is not in sizes ({', '.join(self.sizes)})")
        for field in ("core_tokens_per_second", "evaluation_core_seconds"):
            if absent := [name for name in self.sizes if name not in getattr(self.cost, field)]:
                raise ValueError(f"cost.{field}: size {absent[0]!r} is missing; give a number for it")
        budgets = {"long_runs.tokens": [self.long_runs.tokens], **{f"small_runs.budgets.{size}": row for size, row in self.small_runs.budgets.items()}}
        for field, row in budgets.items():
            if min(row) < 2 * self.training.warmup_tokens:
                raise ValueError(f"{field}: {min(row)} tokens is less than twice training.warmup_tokens; raise it or shorten the warm-up")
            if len(set(row)) < len(row):
                raise ValueError(f"{field}: a budget stands twice; remove one")
        return self


def profile_names() -> list[str]:
    """All committed profiles, in alphabetical order."""
    return sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def default_profile() -> str:
    """The profile of a bare `dvc repro`, as params.yaml names it."""
    return read_yaml(ROOT / "params.yaml")["profile"]


def read_yaml(path: Path) -> dict:
    """A yaml file with a mapping at its top; ProfileError for anything else."""
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProfileError(f"{shown}: no such profile; choose one of {', '.join(profile_names())}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProfileError(f"{shown}: not readable as yaml: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ProfileError(f"{shown}: holds no fields; copy profiles/smoke.yaml and change it")
    return content


def load_profile(name: str) -> Profile:
    """Read and check profiles/<name>.yaml. ProfileError with one line for whatever a user can get wrong."""
    path = ROOT / "profiles" / f"{name}.yaml"
    content = read_yaml(path)
    try:
        profile = Profile(**content)
    except ValidationError as error:
        raise ProfileError(f"profiles/{name}.yaml: {_first_complaint(error)}") from None
    if profile.name != name:
        raise ProfileError(f"profiles/{name}.yaml: field name is {profile.name!r}; write {name!r}, the name of the file")
    return profile


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"field {field} is unknown; remove it or mend its spelling"
    if first["type"] == "missing":
        return f"field {field} is missing; add it (profiles/smoke.yaml shows all fields)"
    if first["type"] == "value_error":
        return f"field {field}: {first['ctx']['error']}" if field else str(first["ctx"]["error"])
    return f"field {field} is {first['input']!r}; {first['msg'][0].lower()}{first['msg'][1:]}"


@dataclass(frozen=True)
class Paths:
    """Where a profile's results lie. `stem` is an experiment folder, e.g. loss_fig1_model_sizes."""

    profile: str
    root: Path = ROOT

    @property
    def is_default(self) -> bool:
        """True for the profile whose results.csv and figures stand in the figure folders themselves."""
        return self.profile == default_profile()

    @property
    def results(self) -> Path:
        """Folder of all outputs of training and evaluation."""
        return self.root / "results" / self.profile

    @property
    def data(self) -> Path:
        """Corpus and items. Those of the default profile are data/, which data.dvc pins; others are made by a stage."""
        return self.root / "data" if self.is_default else self.results / "data"

    @property
    def runs(self) -> Path:
        """One folder per run (DVC cache)."""
        return self.results / "runs"

    @property
    def runs_table(self) -> Path:
        """One row per run (git)."""
        return self.results / "runs.csv"

    @property
    def run_scores(self) -> Path:
        """One small table per run (git): what lets another machine go on without the checkpoints."""
        return self.results / "scores"

    @property
    def scores(self) -> Path:
        """Aggregate scores of all runs, the concatenation of run_scores (git)."""
        return self.results / "scores.parquet"

    @property
    def items(self) -> Path:
        """Per-item scores (DVC cache), a folder with one parquet per run; pandas.read_parquet reads it as one table."""
        return self.results / "items.parquet"

    def results_csv(self, stem: str) -> Path:
        """The tidy table of one experiment."""
        return (self.root / "experiments" if self.is_default else self.results / "experiments") / stem / "results.csv"

    def figure(self, stem: str) -> Path:
        """The figure of one experiment."""
        return (self.root if self.is_default else self.results) / "figures" / f"{stem}.png"

    @property
    def verdicts(self) -> Path:
        """The computed verdict of each claim."""
        return (self.root / "paper" if self.is_default else self.results) / "verdicts.json"


def data_plan(name: str | None = None) -> dict:
    """What `python -m corpus` builds for a profile (default: that of params.yaml): keyword arguments of its `build`."""
    profile = load_profile(name or default_profile())
    seeds = sorted({*profile.long_runs.seeds, *profile.small_runs.seeds})
    frozen = {seed: profile.corpus.train_tokens for seed in seeds if profile.corpus.train_tokens}
    return {
        "out": Paths(profile.name).data,
        "world_seed": profile.corpus.world_seed,
        "mixture_name": profile.corpus.mixture,
        "train_tokens": frozen,
        "validation_sequences": profile.corpus.validation_sequences,
        "sequence_length": profile.training.sequence_length,
        "num_items": profile.evaluation.num_items,
    }


def run_command(main: Callable[[argparse.Namespace], int | None], parser: argparse.ArgumentParser) -> None:
    """Run a command line: a ValueError becomes one line on stderr and exit code 2, nothing else is caught."""
    try:
        sys.exit(main(parser.parse_args()) or 0)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
