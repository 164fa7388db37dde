"""The system calls that a sandboxed program may make, as a seccomp filter (BPF) built without any library.

An allow-list: what a started CPython needs to compute, to read and write the descriptors that it was given, and to end. All other calls fail with
EPERM, which Python shows as PermissionError: no open, socket, fork, thread, exec, kill, ptrace, stat, or signal to anybody. Memory cannot be made
executable. A call of another architecture (32 bit, x32), whose numbers mean other things, ends the process.
"""

import platform
import struct
import sys

# Name -> number, from the kernel's asm/unistd_64.h and asm-generic/unistd.h.
X86_64 = {"read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
          "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "select": 23, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39,
          "exit": 60, "gettimeofday": 96, "getrusage": 98, "times": 100, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
          "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "pselect6": 270, "ppoll": 271,
          "getrandom": 318}
AARCH64 = {"read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214, "rt_sigaction": 134,
           "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_yield": 124, "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "exit": 93,
           "gettimeofday": 169, "getrusage": 165, "times": 153, "sigaltstack": 132, "gettid": 178, "futex": 98, "restart_syscall": 128,
           "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "exit_group": 94, "pselect6": 72, "ppoll": 73, "getrandom": 278}
MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}  # machine -> (AUDIT_ARCH of linux/audit.h, calls)
GUARDED = ("mmap", "mprotect")  # their third argument holds the protection of the memory

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # SECCOMP_RET_ALLOW, _ERRNO | EPERM, _KILL_PROCESS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # opcodes of linux/bpf_common.h
NUMBER, ARCHITECTURE, THIRD_ARGUMENT = 0, 4, 32  # offsets in struct seccomp_data (low half of the argument: both machines are little-endian)
X32_BIT = 0x40000000
PROT_EXEC = 4


def filter_program(machine: str = "") -> bytes:
    """The filter as an array of struct sock_filter, 8 bytes an instruction. ValueError on a system for which there is none."""
    machine = machine or platform.machine()
    if not sys.platform.startswith("linux") or machine not in MACHINES:
        raise ValueError(f"the sandbox needs seccomp of Linux on {' or '.join(MACHINES)}, this is {sys.platform} on {machine}; run programs on such a machine")
    architecture, calls = MACHINES[machine]
    guarded = {calls[name] for name in GUARDED}
    plain = sorted(set(calls.values()) - guarded)
    # Jumps count the instructions to skip. Layout behind the head: one test per guarded call, one per plain call, REFUSE, ALLOW, then the guard.
    num_tests = len(guarded) + len(plain)
    head = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL),
            (LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL)]
    tests = [(EQUAL, num_tests - place + 1, 0, number) for place, number in enumerate(sorted(guarded))]
    tests += [(EQUAL, num_tests - place, 0, number) for place, number in enumerate(plain, len(guarded))]
    refuse, allow = (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)
    tail = [refuse, allow, (LOAD, 0, 0, THIRD_ARGUMENT), (ANY_BIT, 0, 1, PROT_EXEC), refuse, allow]
    return b"".join(struct.pack("=HBBI", code, if_true, if_false, value) for code, if_true, if_false, value in head + tests + tail)
