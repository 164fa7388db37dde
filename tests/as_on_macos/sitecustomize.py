"""Python on Linux, made as poor as on macOS: read by every interpreter that has this folder on PYTHONPATH.

What macOS does not have raises here as it would there, for the project's own code: functions of os, select and signal,
/proc, prctl and its kin in the C library, and the package triton. The packages around are those of Linux, so they are
imported before sys.platform says "darwin"."""

import ctypes
import importlib
import importlib.machinery
import io
import os
import select
import signal
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
ABSENT = {
    os: "sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler "
    "sched_rr_get_interval pidfd_open "
    "memfd_create eventfd eventfd_read eventfd_write unshare setns posix_fallocate posix_fadvise getrandom splice "
    "copy_file_range getresuid "
    "setresuid getresgid setresgid O_DIRECT O_TMPFILE O_PATH P_PIDFD",
    select: "epoll",
    signal: "sigtimedwait sigwaitinfo pidfd_send_signal SIGSTKFLT SIGPWR",
}
PACKAGES = (
    "llvmlite.binding matplotlib.pyplot numba pandas psutil pyarrow.parquet rich.console scipy.optimize scipy.stats"
    " torch transformers"
)
ABSENT_CALLS = {
    "prctl",
    "unshare",
    "setns",
    "clone",
    "seccomp",
    "capset",
    "personality",
    "sched_setaffinity",
    "malloc_trim",
    "mallopt",
}


def is_ours() -> bool:
    """True where one of the nearest callers is a file of the project, not of a package."""
    frame = sys._getframe(2)
    for _ in range(4):
        if frame is None:
            return False
        name = frame.f_code.co_filename
        if name.startswith(ROOT) and "site-packages" not in name and name != __file__:
            return True
        frame = frame.f_back
    return False


def without_proc(function):
    """`function(path, ...)` that does not find /proc for our own code."""

    def guarded(path, *arguments, **options):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith("/proc") and is_ours():
            raise FileNotFoundError(2, "No such file or directory (as on macOS)", os.fspath(path))
        return function(path, *arguments, **options)

    return guarded


def take_away() -> None:
    """Remove what macOS has not."""
    for module, names in ABSENT.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    import builtins

    for module, names in (
        (builtins, ("open",)),
        (io, ("open",)),
        (os, ("open", "stat", "listdir", "scandir", "readlink")),
    ):
        for name in names:
            setattr(module, name, without_proc(getattr(module, name)))
    symbol = ctypes.CDLL.__getattr__

    def without_calls(library, name):
        if name in ABSENT_CALLS and is_ours():
            raise AttributeError(f"dlsym({library._name}, {name}): symbol not found (as on macOS)")
        return symbol(library, name)

    ctypes.CDLL.__getattr__ = without_calls
    find = importlib.machinery.PathFinder.find_spec
    importlib.machinery.PathFinder.find_spec = classmethod(
        lambda cls, name, *more: None if name.split(".")[0] == "triton" else find(name, *more)
    )


def import_packages() -> None:
    """Import whatever the project imports, itself or through dvc, that chooses its files by sys.platform."""
    for name in PACKAGES.split():
        importlib.import_module(name)


if "resource_tracker" not in " ".join(sys.orig_argv):
    take_away()
    import_packages()
    sys.platform = "darwin"
