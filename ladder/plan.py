"""The rows of the ladder: which runs a profile asks for, what each needs, and when two runs are the same run.

One function makes all rows and their names; names are never parsed back. Under the `wsd` schedule (warm-up, stable,
decay) the largest budget of a size and seed is trained whole and leaves its state where each smaller budget begins to
decay, so that the smaller ones cost only their decay (arXiv 2404.06395). The data order of a run hangs on its seed
alone:
every size of a series sees the same batches in the same order.
"""

import hashlib
import json
from dataclasses import dataclass

from models.config import GPTConfig, TrainConfig
from profiles.schema import Profile, Training

FIRST_CHECKPOINT_SHARE = 1 / 64  # of a run's tokens: log-spaced checkpoints begin where the loss has just begun to fall
SHARED_SETTINGS = (
    "batch_sequences",
    "sequence_length",
    "warmup_tokens",
    "min_lr_ratio",
    "decay_fraction",
    "weight_decay",
    "beta1",
    "beta2",
    "grad_clip",
    "precision",
    "resume_every_steps",
)
# The name of each number format in recipes. "auto" followed the CPU once; all that it trained and that is committed is
# bf16 (the column precision of runs.csv and series.csv, and a test over them). Another name would change every hash and
# no weight. An fp32 run of a CPU without bf16 has the same recipe as bf16 and is known by its record
# (ladder/training.py).
FORMAT_IN_RECIPE = {"bf16": "auto", "fp32": "fp32"}
RECIPE_LENGTH = 16  # hexadecimal digits of a recipe hash: 64 bits, no collision among thousands of runs


@dataclass(frozen=True)
class Run:
    """One row of the ladder. `parent` is the run this one branches from, at `branch_tokens` of it."""

    name: str
    series: str  # "long" or "small"
    size: str
    seed: int
    model: GPTConfig
    train: TrainConfig
    parent: str | None = None
    branch_tokens: int = 0

    @property
    def trained_tokens(self) -> int:
        """Tokens this run costs: without those it takes over from its parent."""
        return self.train.num_steps * self.train.tokens_per_step - self.branch_tokens

    @property
    def train_flops(self) -> int:
        """Compute this run costs."""
        return self.trained_tokens * self.model.flops_per_token

    @property
    def num_checkpoints(self) -> int:
        """Checkpoints it leaves."""
        return len({self.train.step_at(tokens) for tokens in self.train.checkpoint_tokens})


def token_label(tokens: int) -> str:
    """A token count for a run name, exact where it has at most three decimals: 600000 -> 0.6M."""
    return f"{tokens / 1e6:.6f}".rstrip("0").rstrip(".") + "M"


def checkpoint_schedule(total_tokens: int, step_tokens: int, num_checkpoints: int, spacing: str) -> tuple[int, ...]:
    """Token counts of the checkpoints, whole steps, increasing, the last one at the end of the run."""
    num_steps = max(1, total_tokens // step_tokens)
    if num_checkpoints == 1:
        return (num_steps * step_tokens,)
    shares = [i / (num_checkpoints - 1) for i in range(num_checkpoints)]
    if spacing == "log":
        points = [FIRST_CHECKPOINT_SHARE ** (1.0 - share) for share in shares]
    else:
        points = [(i + 1) / num_checkpoints for i in range(num_checkpoints)]
    steps = sorted({max(1, round(point * num_steps)) for point in points})
    return tuple(step * step_tokens for step in steps)


def plan_runs(profile: Profile, vocab_size: int) -> list[Run]:
    """All rows of the ladder, long runs first, each parent before its branches."""
    long, runs = profile.long_runs, []
    for seed in long.seeds:
        for size in long.sizes:
            runs.append(_run(profile, vocab_size, "long", size, seed, long.tokens, f"long_{size}_s{seed}"))
    for seed in profile.small_runs.seeds:
        for size, budgets in profile.small_runs.budgets.items():
            runs.extend(_small_runs(profile, vocab_size, size, seed, sorted(budgets, reverse=True)))
    return runs


def _small_runs(profile: Profile, vocab_size: int, size: str, seed: int, budgets: list[int]) -> list[Run]:
    names = {budget: f"small_{size}_{token_label(budget)}_s{seed}" for budget in budgets}
    alone = {budget: _run(profile, vocab_size, "small", size, seed, budget, names[budget]) for budget in budgets}
    if profile.small_runs.schedule == "cosine":
        return list(alone.values())
    trunk, rest = budgets[0], budgets[1:]
    starts = {budget: _decay_start_tokens(alone[budget].train) for budget in rest}
    runs = [
        _run(profile, vocab_size, "small", size, seed, trunk, names[trunk], state_tokens=tuple(sorted(starts.values())))
    ]
    for budget in rest:
        kept = tuple(tokens for tokens in alone[budget].train.checkpoint_tokens if tokens > starts[budget])
        runs.append(
            _run(
                profile,
                vocab_size,
                "small",
                size,
                seed,
                budget,
                names[budget],
                checkpoint_tokens=kept,
                parent=names[trunk],
                branch_tokens=starts[budget],
            )
        )
    return runs


def _decay_start_tokens(train: TrainConfig) -> int:
    # The same rounding as models.optimizer.decay_start_step, which refuses a branch that starts any later.
    return (train.num_steps - round(train.decay_fraction * train.num_steps)) * train.tokens_per_step


def _run(
    profile: Profile,
    vocab_size: int,
    series: str,
    size: str,
    seed: int,
    tokens: int,
    name: str,
    parent: str | None = None,
    branch_tokens: int = 0,
    **overrides: tuple[int, ...],
) -> Run:
    shared, shape = profile.training, profile.sizes[size]
    rows = profile.long_runs if series == "long" else profile.small_runs
    model = GPTConfig(
        vocab_size,
        shape.num_layers,
        shape.d_model,
        shape.num_heads,
        shape.num_kv_heads,
        shape.d_ff,
        shared.sequence_length,
    )
    settings = shared_settings(shared)
    settings["checkpoint_tokens"] = checkpoint_schedule(tokens, shared.step_tokens, rows.num_checkpoints, rows.spacing)
    train = TrainConfig(
        run=name,
        seed=seed,
        data_seed=seed,
        total_tokens=tokens,
        max_lr=shape.max_lr,
        schedule=rows.schedule,
        **(settings | overrides),
    )
    return Run(name, series, size, seed, model, train, parent, branch_tokens)


def shared_settings(training: Training) -> dict:
    """What the runs of a profile have in common, as fields of a TrainConfig."""
    return {field: getattr(training, field) for field in SHARED_SETTINGS}


def recipe(run: Run, runs: dict[str, Run], stream_hashes: dict[int, str]) -> dict:
    """Everything that fixes the weights of a run but the code: shape, training, corpus, and the recipe of its parent.

    Machine and pace stay out (device, resume_every_steps), and so do the states that it leaves for its branches.
    stream_hashes: see `hash_stream`, by seed."""
    train = run.train.to_dict()
    for field in ("device", "resume_every_steps", "state_tokens"):
        del train[field]
    train["precision"] = FORMAT_IN_RECIPE[run.train.precision]
    parent = recipe_hash(recipe(runs[run.parent], runs, stream_hashes)) if run.parent else None
    return {
        "model": run.model.to_dict(),
        "train": train,
        "stream": stream_hashes[run.train.data_seed],
        "parent": parent,
        "branch_tokens": run.branch_tokens,
    }


def recipe_hash(content: dict) -> str:
    """Hash of a recipe; two runs with the same one are the same run."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:RECIPE_LENGTH]
