"""What a run of a ladder is, what it costs, and when two runs are the same run. The rows themselves: ladder/runs.py."""

import hashlib
import json
from dataclasses import dataclass

from models.config import GPTConfig, TrainConfig
from profiles.schema import Training

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
# bf16 (the column precision of both papers' runs.csv, and a test over them). Another name would change every hash and
# no weight. An fp32 run of a CPU without bf16 has the same recipe as bf16 and is known by its record
# (ladder/ladder.py).
FORMAT_IN_RECIPE = {"bf16": "auto", "fp32": "fp32"}
RECIPE_LENGTH = 16  # hexadecimal digits of a recipe hash: 64 bits, no collision among thousands of runs


@dataclass(frozen=True)
class Run:
    """One row of the ladder. `parent` is the run this one branches from, at `branch_tokens` of it."""

    name: str
    series: str  # a family of runs of one paper: "long" and "small" of paper L, a mixture of paper P
    size: str
    seed: int
    model: GPTConfig
    train: TrainConfig
    parent: str | None = None
    branch_tokens: int = 0
    paper: str = "loss"
    mixture: str = ""  # of documents that its stream is drawn from

    @property
    def lineage(self) -> str:
        """The trunk that this run belongs to, itself where it has no parent: what one worker can train alone."""
        return self.parent or self.name

    @property
    def source(self) -> str:
        """Which streams of its paper it reads: those of a mixture of paper L, of a series of paper P."""
        return self.mixture if self.paper == "loss" else self.series

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


def checkpoint_schedule(
    total_tokens: int, step_tokens: int, num_checkpoints: int, spacing: str, warmup_tokens: int = 0
) -> tuple[int, ...]:
    """Token counts of the checkpoints, whole steps, increasing, the last one at the end of the run.

    spacing: "linear"; "log" from a share of the run's tokens; "loss" is log from the end of the warm-up, whatever the
    run's length. Behind the warm-up the loss falls by nearly equal amounts per factor of tokens (law A + B D^-b with b
    of 0.01 to 0.05 on the long runs of profile full), so that those are evenly spaced in expected loss, in short runs
    too."""
    num_steps = max(1, total_tokens // step_tokens)
    if num_checkpoints == 1:
        return (num_steps * step_tokens,)
    shares = [i / (num_checkpoints - 1) for i in range(num_checkpoints)]
    if spacing in ("log", "loss"):
        first = FIRST_CHECKPOINT_SHARE if spacing == "log" else max(1, warmup_tokens // step_tokens) / num_steps
        points = [first ** (1.0 - share) for share in shares]
    else:
        points = [(i + 1) / num_checkpoints for i in range(num_checkpoints)]
    steps = sorted({max(1, round(point * num_steps)) for point in points})
    return tuple(step * step_tokens for step in steps)


def shared_settings(training: Training) -> dict:
    """What the runs of a profile have in common, as fields of a TrainConfig."""
    return {field: getattr(training, field) for field in SHARED_SETTINGS}


def turns(runs: dict[str, Run]) -> dict[str, int]:
    """By run the turn in which it is trained where a profile trains in turn: paper by paper, mixture by mixture (those
    of paper P together), smaller runs before long ones, small models first. All seeds of a size have one turn."""
    papers, sources = (
        list(dict.fromkeys(getattr(run, field) for run in runs.values())) for field in ("paper", "source")
    )

    def key(run: Run) -> tuple:
        source = sources.index(run.source) if run.paper == "loss" else 0
        return papers.index(run.paper), source, run.series == "long", run.model.num_parameters

    order = sorted({key(run) for run in runs.values()})
    return {name: order.index(key(run)) for name, run in runs.items()}


def recipe(run: Run, runs: dict[str, Run], stream_hashes: dict[str, str]) -> dict:
    """Everything that fixes the weights of a run but the code: shape, training, corpus, and the recipe of its parent.

    Machine and pace stay out (device, resume_every_steps), and so do the states that it leaves for its branches.
    stream_hashes: hash of the token stream that each run reads, by run."""
    train = run.train.to_dict()
    for field in ("device", "resume_every_steps", "state_tokens"):
        del train[field]
    train["precision"] = FORMAT_IN_RECIPE[run.train.precision]
    parent = recipe_hash(recipe(runs[run.parent], runs, stream_hashes)) if run.parent else None
    return {
        "model": run.model.to_dict(),
        "train": train,
        "stream": stream_hashes[run.name],
        "parent": parent,
        "branch_tokens": run.branch_tokens,
    }


def recipe_hash(content: dict) -> str:
    """Hash of a recipe; two runs with the same one are the same run."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:RECIPE_LENGTH]
