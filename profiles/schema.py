"""The sections of a profile as typed fields: what a yaml file may say, and what must agree (read by
profiles/profile.py)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.]*$")
]  # size names become file names and parts of run names
Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
Schedule = Literal["cosine", "wsd"]
Spacing = Literal["log", "linear", "loss"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Corpus(_Section):
    """The world, its mixture and how much of the stream is frozen into data/ (`python -m corpus` reads this
    section)."""

    world_seed: Annotated[int, Field(ge=0)]
    mixture: str
    further_mixtures: list[Name] = []  # of the same edition: paper L's ladder is trained on each of them too
    train_tokens: Annotated[
        int, Field(ge=0)
    ]  # frozen per seed; a run that reads further draws the rest on the fly, same bytes
    validation_sequences: Count

    @property
    def mixtures(self) -> tuple[str, ...]:
        """All mixtures that paper L's ladder is trained on."""
        return (self.mixture, *self.further_mixtures)

    @model_validator(mode="after")
    def _each_once(self) -> "Corpus":
        if len(set(self.mixtures)) < len(self.mixtures):
            raise ValueError(f"further_mixtures: a mixture of {', '.join(self.mixtures)} stands twice; remove one")
        return self


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
    precision: Literal["fp32", "bf16"]  # part of the recipe; never taken from the machine
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
            raise ValueError(
                f"d_model {self.d_model} is not an even multiple of num_heads {self.num_heads}; change one of the two"
            )
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}; change one of"
                " the two"
            )
        return self


class LongRuns(_Section):
    """The series of few large runs that are read along training (paper L, Table 4)."""

    sizes: Annotated[list[Name], Field(min_length=1)]
    tokens: Count
    seeds: Seeds
    num_checkpoints: Count
    spacing: Spacing
    schedule: Literal["cosine"]


class SmallRuns(_Section):
    """The series of sizes x token budgets (paper L, Table 5: 28 runs). Under `wsd` the budgets of a size share a
    trunk.

    score_before_decay: the trunk leaves a checkpoint where each branch leaves it, so that trunk and branch are scored
    at both ends of a decay."""

    budgets: Annotated[dict[Name, Annotated[list[Count], Field(min_length=1)]], Field(min_length=1)]
    seeds: Seeds
    num_checkpoints: Count
    spacing: Spacing
    schedule: Schedule
    score_before_decay: bool = False


class Evaluation(_Section):
    """How many items of each task are scored, and how many tokens one forward pass may hold.

    num_items_last: of a run's last checkpoint, where they are more. precision: of the products; bf16 moves the losses
    and the mean log-likelihoods of tasks by less than 1e-3 nats (paper/registration_v2.md) and needs a CPU."""

    num_items: Count
    num_items_last: Count | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_tokens: Count

    @model_validator(mode="after")
    def _last_has_more(self) -> "Evaluation":
        if self.num_items_last is not None and self.num_items_last < self.num_items:
            raise ValueError(
                f"num_items_last {self.num_items_last} is below num_items {self.num_items}; raise it or leave it out"
            )
        return self

    @property
    def most_items(self) -> int:
        """Items of a task that some checkpoint is asked."""
        return self.num_items_last or self.num_items


class Sweep(_Section):
    """Execution only: nothing here changes a result.

    reuse_scores: a run whose scores are in git counts as finished, for ladders that take days and several machines;
    without it every run is trained where `make reproduce` is called. in_turn: mixture by mixture, from the smallest
    size up, long runs last (ladder/plan.py), so that a start that is stopped leaves many whole runs; else the longest
    first, which ends soonest. The others are for runs that one GPU does not hold, see models/execution.py:
    micro_sequences, recompute and parallel ("ddp" or "fsdp", under torchrun)."""

    workers_per_gpu: Count
    reuse_scores: bool
    in_turn: bool = False
    micro_sequences: Count | None = None
    recompute: bool = False
    parallel: Literal["ddp", "fsdp"] = "ddp"


class Cost(_Section):
    """Table for the estimate printed before a start, measured on one core; a short probe scales it to the machine.

    The last three are of paper P: training of its sizes, and seconds of measuring one checkpoint on all tasks."""

    core_tokens_per_second: dict[Name, Positive]
    evaluation_core_seconds: dict[Name, Positive]
    series_core_tokens_per_second: dict[Name, Positive]
    pass_core_seconds: dict[Name, Positive]
    threshold_core_seconds: dict[Name, Positive]


class Sampling(_Section):
    """How pass rates are measured: attempts at an item stop at `target` passes or at `cap` attempts (paper P, section
    4.1).

    decoding_temperatures: further ones, for the tasks that are decoded by beam search too. exact_*: the search for the
    pass probability itself ends where its bounds lie `exact_tolerance` apart (nats) or after `exact_evaluations`
    prefixes.
    """

    num_items: Count
    target: Count
    cap: Count
    temperature: Positive
    top_p: Annotated[float, Field(gt=0, le=1)]
    beam_width: Count
    decoding_temperatures: list[Positive]
    exact_tolerance: Positive
    exact_evaluations: Count

    @model_validator(mode="after")
    def _cap_holds_target(self) -> "Sampling":
        if self.cap < self.target:
            raise ValueError(f"cap {self.cap} is below target {self.target}; raise the cap")
        if self.temperature in self.decoding_temperatures:
            raise ValueError(
                f"decoding_temperatures: {self.temperature} is the temperature of all tasks already; remove it"
            )
        return self


class PassUntil(_Section):
    """Paper P: series of models that differ in their mixture; every size of a series sees the same batches in the same
    order.

    threshold_sampling: how the long runs of paper L are measured on their maths and exam tasks, every checkpoint."""

    sequence_length: Count
    batch_sequences: Count
    series: Annotated[dict[Name, str], Field(min_length=1)]  # name -> mixture
    sizes: Annotated[dict[Name, Size], Field(min_length=3)]
    held_out: Annotated[list[Name], Field(min_length=1)]  # sizes that no fit sees
    tokens: Count
    seeds: Seeds
    num_checkpoints: Count
    validation_sequences: Count
    num_items: Count  # written into data/; at least as many as are measured
    sampling: Sampling
    threshold_sampling: Sampling

    @model_validator(mode="after")
    def _names_agree(self) -> "PassUntil":
        if unknown := [name for name in self.held_out if name not in self.sizes]:
            raise ValueError(f"held_out: size {unknown[0]!r} is not in sizes ({', '.join(self.sizes)})")
        if self.sampling.num_items > self.num_items:
            raise ValueError(
                f"sampling.num_items {self.sampling.num_items} is above num_items {self.num_items}; raise num_items"
            )
        return self


class Profile(_Section):
    """A whole profile. Fields are the sections of the yaml file."""

    name: Name
    corpus: Corpus
    training: Training
    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    long_runs: LongRuns
    small_runs: SmallRuns
    evaluation: Evaluation
    passuntil: PassUntil
    sweep: Sweep
    cost: Cost

    @model_validator(mode="after")
    def _names_agree(self) -> "Profile":
        ladder, series = (self.sizes, "sizes"), (self.passuntil.sizes, "passuntil.sizes")
        users = {
            "long_runs.sizes": (self.long_runs.sizes, *ladder),
            "small_runs.budgets": (self.small_runs.budgets, *ladder),
            "cost.core_tokens_per_second": (self.cost.core_tokens_per_second, *ladder),
            "cost.evaluation_core_seconds": (self.cost.evaluation_core_seconds, *ladder),
            "cost.series_core_tokens_per_second": (self.cost.series_core_tokens_per_second, *series),
            "cost.pass_core_seconds": (self.cost.pass_core_seconds, *series),
            "cost.threshold_core_seconds": (self.cost.threshold_core_seconds, self.long_runs.sizes, "long_runs.sizes"),
        }
        for field, (names, sizes, place) in users.items():
            if unknown := [name for name in names if name not in sizes]:
                raise ValueError(f"{field}: size {unknown[0]!r} is not in {place} ({', '.join(sizes)})")
            if field.startswith("cost.") and (absent := [name for name in sizes if name not in names]):
                raise ValueError(f"{field}: size {absent[0]!r} is missing; give a number for it")
        budgets = {"long_runs.tokens": [self.long_runs.tokens], "passuntil.tokens": [self.passuntil.tokens]}
        budgets |= {f"small_runs.budgets.{size}": row for size, row in self.small_runs.budgets.items()}
        for field, row in budgets.items():
            if min(row) < 2 * self.training.warmup_tokens:
                raise ValueError(
                    f"{field}: {min(row)} tokens is less than twice training.warmup_tokens; raise it or shorten the"
                    " warm-up"
                )
            if len(set(row)) < len(row):
                raise ValueError(f"{field}: a budget stands twice; remove one")
        return self
