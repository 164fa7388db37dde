"""benchmarks/gpu.py: one bounded call, whatever its steps do."""

import json
import subprocess
import sys

import pytest
import torch

from benchmarks import gpu, kernels
from benchmarks.gpu import Step
from benchmarks.kernel_cases import Case
from tests.tiny_command import wait_for


def python(name: str, code: str, share: float = 1.0) -> Step:
    return Step(name, (sys.executable, "-c", code), share)


def is_alive(pid: int) -> bool:
    """False too for one that only waits to be reaped."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_each_step_is_told_its_seconds_and_its_outcome_is_written(tmp_path):
    path = tmp_path / "gpu.json"
    todo = [
        python("good", "print('one'); print('two')"),
        python("bad", "import sys; sys.exit('no such operator')"),
        Step("absent", ("no-such-sanitizer",), 1.0),
        Step("planned", (sys.executable, "-c", "import sys; print(sys.argv[1])", "{seconds}"), 1.0),
    ]
    outcomes = gpu.run_steps(todo, 10_000.0, path, {"device": "none"})
    assert [one.status for one in outcomes] == ["ok", "failed", "not installed", "ok"]
    assert (
        outcomes[0].tail == ["one", "two"] and outcomes[1].tail == ["no such operator"] and outcomes[1].exit_status == 1
    )
    assert 8_000 <= int(outcomes[3].tail[0]) <= 10_000 - gpu.ENDING_SECONDS, (
        "what earlier steps left goes to the last one, less the time to write"
    )
    written = json.loads(path.read_text())
    assert written["machine"] == {"device": "none"} and [one["name"] for one in written["steps"]] == [
        "good",
        "bad",
        "absent",
        "planned",
    ]


def test_an_optional_step_that_refuses_counts_for_nothing_and_one_that_finds_something_fails(tmp_path):
    todo = [
        Step("sanitizer", (sys.executable, "-c", f"import sys; sys.exit({status})"), 1.0, optional=True)
        for status in (3, gpu.FOUND, 0)
    ]
    outcomes = gpu.run_steps([*todo, Step("sanitizer", ("no-such",), 1.0, optional=True)], 1000.0, tmp_path / "x", {})
    assert [one.status for one in outcomes] == ["refused", "failed", "ok", "not installed"]
    assert [gpu.is_bad(one) for one in outcomes] == [False, True, False, False]
    assert gpu.is_bad(gpu.run_step(python("tests", "import sys; sys.exit(1)"), 100.0))


def test_a_bad_case_and_a_bad_implementation_are_rows_and_the_others_are_measured(monkeypatch):
    class OutOfResources(Exception):
        """As Triton's: no RuntimeError."""

    def fail(*_):
        raise OutOfResources("shared memory, Required: 300000, Hardware limit: 232448")

    monkeypatch.setattr(kernels, "median_ms", lambda run, milliseconds=150: float(run() is not None))
    monkeypatch.setattr(kernels, "peak_bytes", lambda run: 2**20)
    inputs = lambda: (torch.randn(4, requires_grad=True),)  # noqa: E731
    functions = {"ours": fail, "eager": torch.sin, "wrong": torch.cos, "nan": lambda x: torch.sin(x) * float("nan")}
    case = Case("sine", "4", inputs, functions, "bytes", 32.0, 64.0)
    limits, kept = {"copy_gb_per_second": 1.0, "matmul_tflops_per_second": 1.0}, []
    rows = kernels.measure(case, limits, kept.append)
    assert kept == rows and [row["implementation"] for row in rows] == list(functions)
    refused = {row["implementation"]: row.get("refused") for row in rows}
    assert refused["ours"].startswith("OutOfResources: shared memory") and refused["eager"] is None
    assert refused["wrong"] == refused["nan"] == "wrong result" and rows[1]["both_ms"] == 1.0
    (row,) = kernels.measure(Case("sine", "5", fail, functions, "bytes", 1.0), limits)
    assert row["refused"].startswith("OutOfResources") and row["shape"] == "5"
    (row,) = kernels.measure(Case("sine", "6", inputs, {"ours": fail}, "bytes", 1.0), limits)
    assert row["refused"] == "RuntimeError: no implementation runs"


def test_what_it_imports_is_on_a_machine_with_pytorch_alone():
    """Without numba, transformers, pydantic and the like, which a GPU machine need not bring."""
    blocked = "numba llvmlite transformers datasets pydantic pandas pyarrow rich dvc matplotlib scipy yaml".split()
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import benchmarks.gpu, benchmarks.kernels, benchmarks.train_gpu
sys.path.insert(0, "tests")
import importlib, pathlib
for path in benchmarks.gpu.TESTS:
    importlib.import_module(pathlib.Path(path).stem)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=gpu.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]


def test_a_step_that_hangs_is_ended_with_its_children_and_the_next_one_runs(tmp_path, monkeypatch):
    """The time of the first step is over as soon as its child is there, not after so many seconds: a busy machine
    starts a child late."""
    marker = tmp_path / "child"
    hang = (
        "import pathlib, subprocess, sys, time; print('began', flush=True); child = subprocess.Popen(['sleep',"
        f" '100000']); pathlib.Path({str(marker)!r}).write_text(f'{{child.pid}}\\n'); time.sleep(100_000)"
    )

    class TimeIsOverWithTheChild(subprocess.Popen):
        def communicate(self, input=None, timeout=None):
            if timeout is not None and not marker.exists():
                wait_for(lambda: marker.exists() and marker.read_text().endswith("\n"))
                timeout = 0.0
            return super().communicate(input, timeout)

    monkeypatch.setattr(gpu.subprocess, "Popen", TimeIsOverWithTheChild)
    outcomes = gpu.run_steps(
        [python("hangs", hang, 0.2), python("next", "print('here')", 0.8)], 10_000.0, tmp_path / "gpu.json", {}
    )
    assert [(one.status, one.tail) for one in outcomes] == [("cut off", ["began"]), ("ok", ["here"])]
    wait_for(lambda: not is_alive(int(marker.read_text())))


def test_the_steps_fill_the_time_and_name_real_files():
    todo = gpu.steps(nanogpt=None)
    assert sum(step.share for step in todo) == pytest.approx(1.0)
    files = [part for step in todo for part in step.command if part.startswith("tests/")]
    assert len(files) > 8 and all((gpu.ROOT / file).is_file() for file in files)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so():
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu"], cwd=gpu.ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == "benchmarks.gpu: needs a CUDA GPU and finds none; run it on a GPU machine"
