"""The two records that fix a run: the shape of the model and how it is trained.

Both are frozen and check themselves, so a wrong profile stops before anything is trained.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

SCHEDULES = ("cosine", "wsd")
PRECISIONS = ("fp32", "bf16")


def _require(is_valid: bool, record: str, message: str) -> None:
    if not is_valid:
        raise ValueError(f"{record}: {message}")


def _from_dict(cls, values: dict):
    """Builds a record from plain data; ValueError names the first unknown or missing field."""
    _require(isinstance(values, dict), cls.__name__, f"must be a mapping of fields, got {type(values).__name__}")
    known = {field.name for field in fields(cls)}
    unknown = sorted(set(values) - known)
    _require(
        not unknown,
        cls.__name__,
        f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}" if unknown else "",
    )
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{cls.__name__}: {error}; give every field") from error


@dataclass(frozen=True)
class GPTConfig:
    """Shape of a LLaMA-like decoder: RMSNorm, RoPE, SwiGLU, grouped-query attention, untied head."""

    vocab_size: int
    num_layers: int
    d_model: int
    num_heads: int
    num_kv_heads: int
    d_ff: int
    max_sequence_length: int
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    arch: str = "llama"

    def __post_init__(self):
        for name in ("vocab_size", "num_layers", "d_model", "num_heads", "num_kv_heads", "d_ff", "max_sequence_length"):
            value = getattr(self, name)
            _require(
                isinstance(value, int) and not isinstance(value, bool) and value >= 1,
                "GPTConfig",
                f"{name} must be an integer >= 1, got {value!r}",
            )
        for name in ("rope_theta", "norm_eps"):
            value = getattr(self, name)
            is_positive = (
                isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
            )
            _require(is_positive, "GPTConfig", f"{name} must be a positive number, got {value!r}")
        _require(self.arch == "llama", "GPTConfig", f"arch must be 'llama', got {self.arch!r}")
        _require(
            self.d_model % self.num_heads == 0,
            "GPTConfig",
            f"d_model {self.d_model} is not divisible by num_heads {self.num_heads}; change one of them",
        )
        _require(
            self.num_heads % self.num_kv_heads == 0,
            "GPTConfig",
            f"num_heads {self.num_heads} is not divisible by num_kv_heads {self.num_kv_heads}; change one of them",
        )
        _require(
            self.head_size % 2 == 0,
            "GPTConfig",
            f"head size {self.head_size} (d_model / num_heads) must be even for rotary positions",
        )

    @property
    def head_size(self) -> int:
        """Width of one head, K."""
        return self.d_model // self.num_heads

    @property
    def num_nonembedding_parameters(self) -> int:
        """Parameters without the token embedding and the head (N of the scaling laws)."""
        d_kv = self.num_kv_heads * self.head_size
        attention = 2 * self.d_model * self.d_model + 2 * self.d_model * d_kv
        per_layer = attention + 3 * self.d_model * self.d_ff + 2 * self.d_model
        return self.num_layers * per_layer + self.d_model

    @property
    def num_parameters(self) -> int:
        """All parameters: embedding and head are separate matrices."""
        return self.num_nonembedding_parameters + 2 * self.vocab_size * self.d_model

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs per token, forward and backward: 6 per matrix weight (the head counts, the embedding look-up
        does not) plus 12 * layers * d_model * T for the attention products (Kaplan et al. 2020, table 1; causality not
        discounted).
        """
        matrix_parameters = self.num_nonembedding_parameters + self.vocab_size * self.d_model
        return 6 * matrix_parameters + 12 * self.num_layers * self.d_model * self.max_sequence_length

    def to_dict(self) -> dict:
        """Plain data, as stored in headers and run.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> GPTConfig:
        """The record of plain data; ValueError names an unknown or missing field."""
        return _from_dict(cls, values)


@dataclass(frozen=True)
class TrainConfig:
    """How one run is trained. Budgets are in tokens; one step is batch_sequences * sequence_length tokens.

    schedule "cosine": linear warm-up, then cosine to max_lr * min_lr_ratio at total_tokens. schedule "wsd": warm-up,
    stable, and over the last decay_fraction of the run linear to max_lr * min_lr_ratio. precision: number format of the
    products, the same on every machine: "bf16" (operands rounded to bf16, sums in fp32; emulated on CPUs without the
    instructions) or "fp32". state_tokens: where a trunk leaves a full state (weights and optimizer) from which other
    budgets may branch.
    """

    run: str
    seed: int
    data_seed: int
    total_tokens: int
    batch_sequences: int
    sequence_length: int
    max_lr: float
    min_lr_ratio: float = 0.1
    warmup_tokens: int = 0
    schedule: str = "cosine"
    decay_fraction: float = 0.2
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    grad_clip: float = 1.0
    checkpoint_tokens: tuple[int, ...] = ()
    precision: str = "bf16"
    device: str = "cpu"
    resume_every_steps: int = 500
    state_tokens: tuple[int, ...] = ()

    def __post_init__(self):
        for name in ("checkpoint_tokens", "state_tokens"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("total_tokens", "batch_sequences", "sequence_length", "resume_every_steps"):
            value = getattr(self, name)
            _require(
                isinstance(value, int) and not isinstance(value, bool) and value >= 1,
                "TrainConfig",
                f"{name} must be an integer >= 1, got {value!r}",
            )
        for name in ("max_lr", "grad_clip"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, "TrainConfig", f"{name} must be positive, got {value!r}")
        for name in ("min_lr_ratio", "decay_fraction"):
            value = getattr(self, name)
            _require(0 <= value <= 1, "TrainConfig", f"{name} must lie in [0, 1], got {value!r}")
        _require(
            self.schedule in SCHEDULES,
            "TrainConfig",
            f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}",
        )
        _require(
            self.precision != "auto",
            "TrainConfig",
            "precision 'auto' would follow the CPU, and one recipe would be two; name it: bf16 (any CPU; emulated where"
            " it must be) or fp32",
        )
        _require(
            self.precision in PRECISIONS,
            "TrainConfig",
            f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}",
        )

    @property
    def tokens_per_step(self) -> int:
        """Targets that one update learns from."""
        return self.batch_sequences * self.sequence_length

    @property
    def num_steps(self) -> int:
        """Whole steps that fit into total_tokens (at least one)."""
        return max(1, self.total_tokens // self.tokens_per_step)

    def step_at(self, tokens: int) -> int:
        """The number of finished steps nearest to a token count, within the run."""
        return min(self.num_steps, max(0, round(tokens / self.tokens_per_step)))

    def to_dict(self) -> dict:
        """Plain data, as stored in headers and run.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> TrainConfig:
        """The record of plain data; ValueError names an unknown or missing field."""
        return _from_dict(cls, values)
