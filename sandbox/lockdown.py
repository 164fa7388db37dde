"""What a process of the sandbox gives up before it runs other people's code: sight of the system, capabilities, memory,
files, system calls.

Linux only, standard library only; libc is ctypes.CDLL(None, use_errno=True). Each function says whether its layer
holds, as some systems (containers above all) refuse namespaces or another root to their programs.
"""

import ctypes
import math
import os
import select
import signal
import sys

try:
    import resource
except ModuleNotFoundError:  # not Linux: sandbox_filter refuses to start there, in one line
    resource = None

NEW_IPC, NEW_UTS, NEW_USER, NEW_PID, NEW_NET = (
    0x08000000,
    0x04000000,
    0x10000000,
    0x20000000,
    0x40000000,
)  # linux/sched.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_SECUREBITS = (
    1,
    4,
    22,
    23,
    24,
    28,
)  # linux/prctl.h
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, PR_CAP_AMBIENT_CLEAR_ALL = (
    38,
    39,
    47,
    1,
    4,
)
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
SECURE_BITS = (
    0xEF  # user 0 is nobody special, changes of user give nothing, nothing becomes ambient; each locked. Not KEEP_CAPS
)
ADDR_NO_RANDOMIZE, ASK = 0x0040000, 0xFFFFFFFF  # linux/personality.h


class FilterProgram(ctypes.Structure):
    """struct sock_fprog: number of instructions and their place."""

    _fields_ = [("num_instructions", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Capabilities(ctypes.Structure):
    """struct __user_cap_data_struct, twice: capabilities 0 to 31 and 32 to 63."""

    _fields_ = [
        (f"{name}_{half}", ctypes.c_uint32) for half in range(2) for name in ("effective", "permitted", "inheritable")
    ]


def fix_addresses(libc: ctypes.CDLL) -> bool:
    """Starts this program anew at addresses that are not drawn by lot, where the system allows it: the order of a set
    of objects depends on them.

    Only builtin hashes are fixed by PYTHONHASHSEED. The personality is set as a whole: no bit of it may make readable
    memory executable."""
    if libc.personality(ASK) == ADDR_NO_RANDOMIZE:
        return True
    if libc.personality(ADDR_NO_RANDOMIZE) == -1 or libc.personality(ASK) != ADDR_NO_RANDOMIZE:
        return False
    os.execv(sys.executable, sys.orig_argv)
    raise AssertionError("execv does not return")


def isolate(libc: ctypes.CDLL) -> bool:
    """Namespaces of its own, without network and without sight of other processes, where the system gives them; returns
    in their first process.

    The process outside waits; the end of either process ends the other."""
    if libc.unshare(NEW_USER | NEW_PID | NEW_NET | NEW_IPC | NEW_UTS) != 0:
        return False
    outside, lifeline = os.pipe()
    child = os.fork()
    if child:
        os.close(outside)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    os.close(lifeline)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([outside], [], [], 0)[0]:  # the outer process died before its death could have been signalled
        os._exit(2)
    return True


def empty_root() -> bool:
    """Moves the root to a folder without files, where the system allows it."""
    try:
        os.chroot("/proc/self/fdinfo")
        os.chdir("/")
    except OSError:
        return False
    return True


def drop_capabilities(libc: ctypes.CDLL) -> bool:
    """True once this process and all that it starts have no capability, effective, permitted, inheritable or ambient,
    and none that they could be given.

    The bounding set can only be emptied by a process that has some; where it stays, no_new_privs of lock keeps an exec
    from drawing on it."""
    libc.prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0)
    numbers = [number for number in range(64) if libc.prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0]
    for number in numbers:
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header, none, held = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), Capabilities(), Capabilities()
    libc.capset(header, ctypes.byref(none))
    if libc.capget(header, ctypes.byref(held)) or any(bytes(held)):
        return False
    return not any(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number, 0, 0) > 0 for number in numbers)


def lock(libc: ctypes.CDLL, filter_program: object, limits: dict, num_descriptors: int) -> None:
    """Limits, then the filter: from here on this process can compute, talk on its descriptors, and end. It ends at once
    where it cannot be locked."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # The watch (sandbox/watch.py) ends a process at its processor time; the system's own limit, in whole seconds, is
    # for a watch that came too late.
    cpu_seconds = math.ceil(limits["cpu_seconds"]) + 1
    for name, value in (
        ("AS", limits["memory_bytes"]),
        ("CPU", cpu_seconds),
        ("FSIZE", 0),
        ("CORE", 0),
        ("NPROC", 0),
        ("MEMLOCK", 0),
        ("MSGQUEUE", 0),
        ("SIGPENDING", 0),
        ("NICE", 0),
        ("RTPRIO", 0),
        ("NOFILE", num_descriptors),
    ):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        os._exit(3)
    if libc.prctl(PR_SET_SECCOMP, 2, filter_program, 0, 0):
        os._exit(3)
    for name in ("ctypes", "_ctypes", "fcntl", "resource", "select"):  # tidiness only: the layers above hold without it
        sys.modules.pop(name, None)
