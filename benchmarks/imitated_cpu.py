"""Environment under which worker processes see a CPU without bf16 instructions: an Intel server CPU of before them
(Cascade Lake).

What each library looks at: oneDNN its limit, Numba its name and features of the target. MKL, which multiplies in fp32,
asks for the maker: on others than Intel it takes its AVX2 kernels, on Intel those of AVX-512, twice as fast. A library
put before it answers "Intel", so that peers, whose fp32 products all go there, are not slower than on the machine that
is imitated.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import torch

FEATURES = (
    "sse",
    "sse2",
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "bmi",
    "bmi2",
    "lzcnt",
    "popcnt",
    "avx512f",
    "avx512cd",
    "avx512dq",
    "avx512bw",
    "avx512vl",
    "avx512vnni",
    "prefer-256-bit",
)
WITHOUT_BF16 = {
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI",
    "DNNL_MAX_CPU_ISA": "AVX512_CORE_VNNI",
    "NUMBA_CPU_NAME": "cascadelake",
    "NUMBA_CPU_FEATURES": ",".join(f"+{feature}" for feature in FEATURES),
}
NOTHING_TO_IMITATE = (
    "train_cpu: this CPU has no AVX-512 and cannot pass for one of Cascade Lake; it has no bf16 either: leave --imitate"
    " out"
)
_ANSWER = "int mkl_serv_intel_cpu_true(void) { return 1; }\nint mkl_serv_intel_cpu(void) { return 1; }\n"


def can_imitate() -> bool:
    """Whether this CPU has the instructions of the one that is imitated; programs compiled for it would stop here
    with SIGILL otherwise."""
    return torch.cpu._is_avx512_supported() and torch.cpu._is_vnni_supported()


def mkl_as_on_intel(folder: Path) -> dict[str, str]:
    """Builds the library in `folder`; the variable that puts it before MKL. SystemExit without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("train_cpu: --imitate needs a C compiler (cc); install one")
    source, library = folder / "mkl_as_on_intel.c", folder / "mkl_as_on_intel.so"
    source.write_text(_ANSWER, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library), "IMITATED_MAKER": "GenuineIntel"}
