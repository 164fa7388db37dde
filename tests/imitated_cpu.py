"""Measure figures of a profile as another CPU would, for the tests of equal bytes: `python -m tests.imitated_cpu FOLDER
PROFILE STEM ...`.

Libraries choose their arithmetic by the CPU when they are imported, and can be told to take it for an older one;
IMITATIONS says how. What they then compute differs in the last bits, as it does on that CPU: OpenBLAS sums in another
order, numpy's exp and log are other code.
"""

import hashlib
import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import experiments  # noqa: F401  one thread, before numpy's library is loaded
from experiments.style import stage as style_stage
from experiments.tables import stage as tables_stage
from profiles.paths import ROOT, Paths

# numpy 2.4's names: X86_V3 is AVX2 with FMA, X86_V4 adds AVX-512.
OLD_NUMPY = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
OLD_LIBRARIES = {"ATEN_CPU_CAPABILITY": "default", "NUMBA_CPU_NAME": "generic", "MKL_CBWR": "COMPATIBLE"}
IMITATIONS = {
    "avx512": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "avx2": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
    "sse": {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": OLD_NUMPY} | OLD_LIBRARIES,
    "oldest": (
        {
            "OPENBLAS_CORETYPE": "Prescott",
            "NPY_DISABLE_CPU_FEATURES": OLD_NUMPY,
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4",
        }
        | OLD_LIBRARIES
    ),
}


@dataclass(frozen=True)
class Elsewhere(Paths):
    """The tables of a profile, its results in another folder."""

    folder: Path = Path()

    def results_csv(self, stem: str) -> Path:
        """As in Paths."""
        return self.folder / f"{stem}.csv"

    def figure(self, stem: str) -> Path:
        """As in Paths."""
        return self.folder / "figures" / f"{stem}.png"


def last_bits() -> str:
    """What this process's libraries make of sums and functions whose last bits differ between CPUs, as text."""
    numbers = np.random.default_rng(0).normal(size=(2, 300, 300))
    parts = (numbers[0] @ numbers[1], np.exp(numbers[0]), np.log(np.abs(numbers)), np.linalg.inv(numbers[0]))
    return " ".join(hashlib.md5(part.tobytes()).hexdigest() for part in parts)


def run_as(cpu: str | None, folder: Path, profile: str, *stems: str) -> tuple[dict[str, bytes], str]:
    """(files by name, last bits) of measuring and drawing these figures in a process that takes the CPU for another
    one; None for itself."""
    names = {name for variables in IMITATIONS.values() for name in variables}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"PYTHONPATH": str(ROOT)} | (IMITATIONS[cpu] if cpu else {})
    told = subprocess.run(
        [sys.executable, "-m", "tests.imitated_cpu", str(folder), profile, *stems],
        env=environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return files, json.loads(told.stdout.splitlines()[-1])["last_bits"]


def main(folder: str, profile: str, *stems: str) -> None:
    """Measure and draw each figure; the last line says what the libraries compute."""
    paths = Elsewhere(profile, ROOT, Path(folder))
    (paths.folder / "figures").mkdir(parents=True)
    # The command lines would write into the repository; only their arguments are wanted.
    measures, draws = {}, {}
    tables_stage.measure_main = lambda stem, measure, load=tables_stage.ladder_scores: measures.update(
        {stem: (measure, load)}
    )
    style_stage.plot_main = lambda stem, draw, table=None: draws.update({stem: (draw, table)})
    for stem in stems:
        for part in ("measure", "plot"):
            runpy.run_module(f"experiments.{stem}.{part}", run_name="__main__")
        tables_stage.measure_stage(paths, stem, *measures[stem])
        style_stage.plot_stage(paths, stem, *draws[stem])
    print(json.dumps({"last_bits": last_bits()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
