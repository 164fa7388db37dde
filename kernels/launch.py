"""Which path an operator takes, and Triton kernels that are compiled at their first launch.

Paths: "reference" is plain PyTorch with autograd, "triton" our kernels, and for attention also "sdpa" (PyTorch's own
fused attention) and "flash" (the flash-attn package). "auto" takes "triton" on a CUDA device and "reference" elsewhere;
nothing ever falls back in silence. `paths_used` says which paths really ran, so that a run record can hold them.

Importing this file imports neither Triton nor asks for a GPU. `@jit` only notes the function; `triton.jit` is applied
at the first launch, so that TRITON_INTERPRET may be set until then and the references work where Triton is not
installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import torch

PATHS = ("reference", "triton")
ATTENTION_PATHS = ("reference", "triton", "sdpa", "flash")

_paths_used: dict[str, str] = {}


def is_interpreted() -> bool:
    """True when Triton kernels run in its interpreter (TRITON_INTERPRET=1), which also accepts CPU tensors."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


def has_package(name: str) -> bool:
    """True when a package (or a module inside one) can be imported; the module itself is not imported here."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package around a dotted name is missing
        return False


def choose_path(
    device: torch.device | str, requested: str = "auto", available: tuple[str, ...] = ATTENTION_PATHS
) -> str:
    """Return the path that an operator takes on `device`: "reference", "triton", "sdpa" or "flash".

    available: the paths that the operator has. Raises ValueError when the wish cannot be met; another path is never
    taken instead.
    """
    device_type = torch.device(device).type
    path = requested
    if requested == "auto":
        path = "triton" if device_type == "cuda" else "reference"
    if path not in available:
        raise ValueError(f"kernels: path {requested!r} is unknown here; choose one of {('auto', *available)}")
    if path == "triton" and not has_package("triton"):
        raise ValueError(
            "kernels: path 'triton' needs the package triton, which there is for Linux alone; install it there or"
            " choose path='reference'"
        )
    if path == "triton" and device_type != "cuda" and not is_interpreted():
        raise ValueError(
            f"kernels: path 'triton' needs a CUDA device, not {device_type}; choose path='reference' or set"
            " TRITON_INTERPRET=1"
        )
    if path == "flash" and device_type != "cuda":
        raise ValueError(
            f"kernels: path 'flash' needs a CUDA device, not {device_type}; choose path='reference' or 'sdpa'"
        )
    return path


def resolve(op: str, device: torch.device, requested: str, available: tuple[str, ...] = PATHS) -> str:
    """choose_path for one call of operator `op`, noted for `paths_used`."""
    path = choose_path(device, requested, available)
    note_path(op, path)
    return path


def note_path(op: str, path: str) -> None:
    """Note for `paths_used` which path operator `op` takes, where more is known than choose_path says (a package's
    version)."""
    _paths_used[op] = path


def paths_used() -> dict[str, str]:
    """Path that each operator took at its latest call in this process, by operator name (for run.json)."""
    return dict(_paths_used)


def accumulation_dtype(x: torch.Tensor) -> torch.dtype:
    """Type in which references compute: fp32 for half precision, otherwise the tensor's own (so fp64 stays an
    oracle)."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def autocast(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Cast the inputs of a matrix product to the autocast type when autocast is on for their device, else leave them
    alone."""
    device_type = tensors[0].device.type
    if not torch.is_autocast_enabled(device_type):
        return tensors
    dtype = torch.get_autocast_dtype(device_type)
    return tuple(tensor.to(dtype) for tensor in tensors)


def on_device(x: torch.Tensor) -> contextlib.AbstractContextManager:
    """Context in which a launch goes to the GPU that holds x (a launch goes to the current GPU otherwise); nothing on a
    CPU."""
    return torch.cuda.device(x.device) if x.is_cuda else contextlib.nullcontext()


def num_multiprocessors(x: torch.Tensor) -> int:
    """Number of multiprocessors of the GPU that holds x; 2 in the interpreter, enough to exercise a loop over
    programs."""
    return torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 2


def require_float(op: str, *tensors: torch.Tensor) -> None:
    """Raise ValueError unless every tensor has a type that the Triton kernels take."""
    for tensor in tensors:
        if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
            raise ValueError(
                f"{op}: path 'triton' takes float32, float16 and bfloat16, not {tensor.dtype}; choose path='reference'"
            )


def next_power_of_2(n: int) -> int:
    """Smallest power of two >= n (Triton's tile sizes are powers of two)."""
    return 1 << max(n - 1, 0).bit_length()


class Kernel:
    """A Triton kernel that is handed to triton.jit when it is first launched; `kernel[grid](...)` as in Triton.

    The function's module imports `tl` from here as a placeholder; the first launch puts triton.language in its place,
    and the compiled form of every kernel that the function may call.
    """

    def __init__(self, function: Callable):
        self.function = function
        self._jitted = None

    def jitted(self) -> Any:
        """The triton.JITFunction (or, in the interpreter, its interpreted twin)."""
        if self._jitted is None:
            import triton
            import triton.language

            self._jitted = triton.jit(self.function)
            namespace = self.function.__globals__
            namespace["tl"] = triton.language
            for name, value in list(namespace.items()):
                if isinstance(value, Kernel):
                    namespace[name] = value.jitted()
        return self._jitted

    def __getitem__(self, grid: tuple[int, ...]) -> Callable:
        return self.jitted()[grid]


jit = Kernel
tl = None  # stands for triton.language in a kernel's module until its first launch
