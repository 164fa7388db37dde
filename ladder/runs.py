"""The rows of both papers' ladders: one function makes all rows of a paper and their names; names
are never parsed back.

Paper L: long runs, and small ones. Under the `wsd` schedule (warm-up, stable, decay) the largest budget of a size and
seed is the trunk: it is trained whole and leaves its state where each smaller budget begins to decay, so that those,
its branches, cost only their decay (arXiv 2404.06395). Paper P: series of runs that differ in their size.

The data order of a run depends on its seed alone: every size of a series sees the same batches in the same order.
"""

from dataclasses import dataclass, field

from ladder.plan import Run, checkpoint_schedule, shared_settings, token_label
from models.config import GPTConfig, TrainConfig
from profiles.schema import Profile, Size


@dataclass(frozen=True)
class _Row:
    """What one row asks for, before it has a model and a schedule."""

    series: str
    size: str
    seed: int
    tokens: int
    num_checkpoints: int
    spacing: str
    schedule: str
    name: str
    mixture: str
    parent: str | None = None
    branch_tokens: int = 0
    overrides: dict[str, tuple[int, ...]] = field(default_factory=dict)


def profile_of_paper(profile: Profile, paper: str) -> Profile:
    """The profile with the context, batch and sizes of a paper's ladder where those of paper L stand."""
    if paper == "loss":
        return profile
    section = profile.passuntil
    training = profile.training.model_copy(
        update={"sequence_length": section.sequence_length, "batch_sequences": section.batch_sequences}
    )
    return profile.model_copy(update={"training": training, "sizes": section.sizes})


def plan_runs(profile: Profile, paper: str, vocab_size: int) -> list[Run]:
    """All rows of a paper's ladder, each trunk before its branches."""
    return {"loss": _loss_runs, "passuntil": _passuntil_runs}[paper](profile, vocab_size)


def _loss_runs(profile: Profile, vocab_size: int) -> list[Run]:
    """Mixture by mixture: long runs first; then the small ones, size by size."""
    long, small, runs = profile.long_runs, profile.small_runs, []
    for mixture in profile.corpus.mixtures:
        for seed in long.seeds:
            for size in long.sizes:
                about = ("long", size, seed, long.tokens, long.num_checkpoints, long.spacing, long.schedule)
                name = f"long_{size}{_mixture_label(profile, mixture)}_s{seed}"
                runs.append(_run(profile, "loss", vocab_size, _Row(*about, name, mixture)))
        for seed in small.seeds:
            for size, budgets in small.budgets.items():
                budgets = sorted(budgets, reverse=True)
                runs.extend(_small_runs(profile, vocab_size, size, seed, budgets, mixture))
    return runs


def _mixture_label(profile: Profile, mixture: str) -> str:
    """Part of a run's name where a profile has several mixtures."""
    return f"_{mixture}" if profile.corpus.further_mixtures else ""


def _small_runs(profile: Profile, vocab_size: int, size: str, seed: int, budgets: list[int], mixture: str) -> list[Run]:
    small, label = profile.small_runs, _mixture_label(profile, mixture)
    names = {budget: f"small_{size}_{token_label(budget)}{label}_s{seed}" for budget in budgets}

    def planned(budget: int, **more) -> Run:
        about = ("small", size, seed, budget, small.num_checkpoints, small.spacing, small.schedule, names[budget])
        return _run(profile, "loss", vocab_size, _Row(*about, mixture, **more))

    alone = {budget: planned(budget) for budget in budgets}
    if small.schedule == "cosine":
        return list(alone.values())
    trunk, rest = budgets[0], budgets[1:]
    # A branch leaves the trunk where its own decay begins, so up to there the trunk's weights are its own.
    starts = {budget: _decay_start_tokens(alone[budget].train) for budget in rest}
    overrides = {"state_tokens": tuple(sorted(starts.values()))}
    if small.score_before_decay:
        # Trunk and branch differ by the decay alone; scores just before it set its effect apart from that of tokens.
        before = {*starts.values(), _decay_start_tokens(alone[trunk].train)}
        overrides["checkpoint_tokens"] = tuple(sorted({*alone[trunk].train.checkpoint_tokens, *before}))
    runs = [planned(trunk, overrides=overrides)]
    for budget in rest:
        # Checkpoints before the decay are the trunk's own.
        kept = tuple(tokens for tokens in alone[budget].train.checkpoint_tokens if tokens > starts[budget])
        branch = {"parent": names[trunk], "branch_tokens": starts[budget], "overrides": {"checkpoint_tokens": kept}}
        runs.append(planned(budget, **branch))
    return runs


def _decay_start_tokens(train: TrainConfig) -> int:
    # The same rounding as models.optimizer.decay_start_step, which refuses a branch that starts any later.
    return (train.num_steps - round(train.decay_fraction * train.num_steps)) * train.tokens_per_step


def _passuntil_runs(profile: Profile, vocab_size: int) -> list[Run]:
    """Series by series, seed by seed, sizes in the order of the profile."""
    section = profile.passuntil
    return [
        _run(
            profile_of_paper(profile, "passuntil"),
            "passuntil",
            vocab_size,
            _Row(
                series,
                size,
                seed,
                section.tokens,
                section.num_checkpoints,
                "log",
                "cosine",
                f"series_{series}_{size}_s{seed}",
                mixture,
            ),
        )
        for series, mixture in section.series.items()
        for seed in section.seeds
        for size in section.sizes
    ]


def _run(profile: Profile, paper: str, vocab_size: int, row: _Row) -> Run:
    shared, shape = profile.training, profile.sizes[row.size]
    checkpoints = checkpoint_schedule(
        row.tokens, shared.step_tokens, row.num_checkpoints, row.spacing, shared.warmup_tokens
    )
    settings = shared_settings(shared) | {"checkpoint_tokens": checkpoints} | row.overrides
    train = TrainConfig(
        run=row.name,
        seed=row.seed,
        data_seed=row.seed,
        total_tokens=row.tokens,
        max_lr=shape.max_lr,
        schedule=row.schedule,
        **settings,
    )
    model = gpt_config(shape, vocab_size, shared.sequence_length)
    about = (row.name, row.series, row.size, row.seed, model, train, row.parent, row.branch_tokens)
    return Run(*about, paper, row.mixture)


def gpt_config(shape: Size, vocab_size: int, sequence_length: int) -> GPTConfig:
    """The model of a size of a profile."""
    return GPTConfig(
        vocab_size, shape.num_layers, shape.d_model, shape.num_heads, shape.num_kv_heads, shape.d_ff, sequence_length
    )
