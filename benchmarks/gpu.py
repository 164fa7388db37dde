"""Everything that waits for a GPU, in one bounded call: operators right, operators fast, training fast.

    python -m benchmarks.gpu [--seconds 530] [--nanogpt FOLDER]

In order of interest: the tests of the operators and of stacked runs in bf16, fp16 and fp32 (on several processes where
pytest-xdist is there); benchmarks.kernels; benchmarks.train_gpu; one operator test file under compute-sanitizer, where
that is installed and takes the device. It needs no set-up and no network: PyTorch with CUDA, Triton, numpy,
safetensors, pytest and hypothesis, nothing else of pyproject.toml. Each step has a share of the seconds, and what an
earlier one leaves goes to the later ones; a step that runs past its share is ended, and the benchmarks have then
written what they have. Writes benchmarks/results/gpu.json: machine, and per step its command, seconds, exit status and
last lines. Exit status 1 where a step failed or was cut off; a sanitizer that is absent or refuses the device is said
and counts for nothing. Needs a CUDA GPU.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.kernels import RESULTS, describe_gpu, require_gpu

ROOT = Path(__file__).resolve().parent.parent
TESTS = [
    "tests/test_models_stacked.py",
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").glob("test_kernels_*.py")
        if path.name != "test_kernels_compile.py"  # needs no GPU, and compiles for minutes
    ),
]
TEST_PROCESSES = 8
FOUND = 86  # exit status of compute-sanitizer where it found an error, so that its refusals can be told
SANITIZED = (  # reads through strides, splits and a shared prefix: the most ways to read past an end
    "tests/test_kernels_decode_attention.py"
)
ENDING_SECONDS, TAIL_LINES = 10, 15  # what a benchmark needs to write and leave; what is kept of a step's output


@dataclass(frozen=True)
class Step:
    """One command and its share of the whole time; `{seconds}` in it becomes the seconds that the command may plan
    with."""

    name: str
    command: tuple[str, ...]
    share: float
    optional: bool = False


@dataclass(frozen=True)
class StepOutcome:
    """How a step went: `status` is "ok", "failed", "cut off", "not installed" or "refused"; `tail` its last lines of
    output."""

    name: str
    command: str
    status: str
    exit_status: int | None
    seconds: float
    tail: list[str]


def steps(nanogpt: Path | None) -> list[Step]:
    """What is run, in order."""
    python, pytest = sys.executable, ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    peer = ("--nanogpt", str(nanogpt)) if nanogpt else ()
    # Most of the tests' time is Triton's compiler, on the CPU.
    several = ("-n", str(TEST_PROCESSES)) if importlib.util.find_spec("xdist") else ()
    return [
        Step("tests", (python, *pytest, *several, *TESTS), 0.3),
        Step("kernels", (python, "-m", "benchmarks.kernels", "--seconds", "{seconds}"), 0.35),
        Step("training", (python, "-m", "benchmarks.train_gpu", "--seconds", "{seconds}", *peer), 0.27),
        Step(
            "sanitizer",
            ("compute-sanitizer", "--error-exitcode", str(FOUND), python, *pytest, "-x", SANITIZED),
            0.08,
            optional=True,
        ),
    ]


def run_step(step: Step, seconds: float) -> StepOutcome:
    """Runs a step for at most so many seconds; its children end with it."""
    command = [part.replace("{seconds}", str(max(1, int(seconds - ENDING_SECONDS)))) for part in step.command]
    if shutil.which(command[0]) is None:
        return StepOutcome(step.name, " ".join(command), "not installed", None, 0.0, [])
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )
    try:
        output, status = process.communicate(timeout=seconds)[0], "ok" if process.returncode == 0 else "failed"
    except subprocess.TimeoutExpired:
        # SIGTERM to the command alone would leave pytest's workers and the sanitizer's child on the GPU.
        subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False)
        output, status = process.communicate()[0], "cut off"
    if step.optional and status == "failed" and process.returncode != FOUND:
        status = "refused"
    return StepOutcome(
        step.name,
        " ".join(command),
        status,
        process.returncode,
        round(time.perf_counter() - started, 1),
        output.splitlines()[-TAIL_LINES:],
    )


def run_steps(todo: Sequence[Step], seconds: float, path: Path, about: dict) -> list[StepOutcome]:
    """Every step within its share of what is left; the table is written anew after each, so that a call that is cut off
    leaves what it has."""
    ending, outcomes = time.perf_counter() + seconds, []
    for place, step in enumerate(todo):
        left = max(ending - time.perf_counter(), 1.0)
        outcome = run_step(step, left * step.share / sum(later.share for later in todo[place:]))
        outcomes.append(outcome)
        print(
            f"{outcome.name}: {outcome.status} in {outcome.seconds:.0f} s"
            + "".join(f"\n    {line}" for line in outcome.tail[-3:]),
            flush=True,
        )
        path.write_text(
            json.dumps({"machine": about, "steps": [asdict(one) for one in outcomes]}, indent=1) + "\n",
            encoding="utf-8",
        )
    return outcomes


def is_bad(outcome: StepOutcome) -> bool:
    """True where the exit status must tell of this step: what is optional may be absent, refuse or run out of time."""
    if outcome.name == "sanitizer":
        return outcome.status == "failed"
    return outcome.status != "ok"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=530, help="of the whole call")
    parser.add_argument("--nanogpt", type=Path, help="checkout of karpathy/nanoGPT")
    options = parser.parse_args()
    require_gpu("benchmarks.gpu")
    outcomes = run_steps(steps(options.nanogpt), options.seconds, RESULTS / "gpu.json", describe_gpu())
    return int(any(is_bad(outcome) for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
