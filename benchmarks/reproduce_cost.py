"""How long `make reproduce` takes on each kind of CPU, from the profile's cost table and the measured speeds of
training.

The table was measured on a CPU with bf16 instructions. On one without, training takes as much longer as
train_cpu_without_bf16.json says against train_cpu.json at the benchmark's size next to each of the profile's; scoring
and pass rates run in fp32 on both.
"""

import math

from ladder.cost import train_seconds
from ladder.measurements.scores import score_seconds
from ladder.plan import Run
from ladder.runs import plan_runs
from models.config import GPTConfig
from profiles.paths import PAPERS
from profiles.profile import load_profile

VOCAB_SIZE, NUM_WORKERS = 1024, 2


def slowdowns(native: dict, emulated: dict) -> dict[int, float]:
    """Parameters of each size of the benchmark -> CPU seconds without bf16 instructions per second with them."""
    speeds = [
        {
            row["parameters"]: row["tokens_per_second"]
            for row in table["rows"]
            if row["tool"] == "ours" and row["size"] != "ladder"
        }
        for table in (native, emulated)
    ]
    return {parameters: speed / speeds[1][parameters] for parameters, speed in speeds[0].items()}


def slowdown_of(shape: GPTConfig, measured: dict[int, float]) -> float:
    """That of the size whose parameters are nearest, by ratio."""
    parameters = shape.num_nonembedding_parameters
    return measured[min(measured, key=lambda size: abs(math.log(size / parameters)))]


def reproduce_minutes(profile_name: str, measured: dict[int, float] | None = None) -> float:
    """Minutes of training, scoring and pass rates on two cores; measured: `slowdowns` of a CPU without bf16
    instructions."""
    profile = load_profile(profile_name)
    loss_runs, passuntil_runs = (plan_runs(profile, paper, VOCAB_SIZE) for paper in PAPERS)

    def slower(run: Run) -> float:
        return slowdown_of(run.model, measured) if measured else 1.0

    cost, runs = profile.cost, [*loss_runs, *passuntil_runs]
    seconds = sum(slower(run) * train_seconds(profile, run) for run in runs)
    seconds += sum(score_seconds(profile, run) for run in loss_runs)
    seconds += sum(cost.pass_core_seconds[run.size] for run in passuntil_runs)
    seconds += sum(
        run.num_checkpoints * cost.threshold_core_seconds[run.size] for run in loss_runs if run.series == "long"
    )
    return seconds / NUM_WORKERS / 60
