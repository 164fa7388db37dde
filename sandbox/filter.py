"""The system calls that a sandboxed program may make, as a seccomp filter (BPF) built without any library.

An allow-list: what a started CPython needs to compute, to read and write the descriptors that it was given, and to end.
All other calls fail with EPERM, which Python shows as PermissionError: no open, socket, fork, thread, exec, kill,
ptrace, stat, or signal to anybody. Of some listed calls only the arguments of GUARDS pass. A call of another
architecture (32 bit, x32), whose numbers mean other things, ends the process.
"""

import platform
import struct
import sys
from dataclasses import dataclass

# Name -> number, from the kernel's asm/unistd_64.h and asm-generic/unistd.h.
X86_64 = {
    "read": 0,
    "write": 1,
    "close": 3,
    "fstat": 5,
    "poll": 7,
    "lseek": 8,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_yield": 24,
    "select": 23,
    "mremap": 25,
    "madvise": 28,
    "nanosleep": 35,
    "getpid": 39,
    "exit": 60,
    "gettimeofday": 96,
    "getrusage": 98,
    "times": 100,
    "sigaltstack": 131,
    "gettid": 186,
    "time": 201,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_getres": 229,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "pselect6": 270,
    "ppoll": 271,
    "getrandom": 318,
}
AARCH64 = {
    "read": 63,
    "write": 64,
    "close": 57,
    "fstat": 80,
    "lseek": 62,
    "mmap": 222,
    "mprotect": 226,
    "munmap": 215,
    "brk": 214,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigreturn": 139,
    "sched_yield": 124,
    "mremap": 216,
    "madvise": 233,
    "nanosleep": 101,
    "getpid": 172,
    "exit": 93,
    "gettimeofday": 169,
    "getrusage": 165,
    "times": 153,
    "sigaltstack": 132,
    "gettid": 178,
    "futex": 98,
    "restart_syscall": 128,
    "clock_gettime": 113,
    "clock_getres": 114,
    "clock_nanosleep": 115,
    "exit_group": 94,
    "pselect6": 72,
    "ppoll": 73,
    "getrandom": 278,
}
MACHINES = {
    "x86_64": (0xC000003E, X86_64),
    "aarch64": (0xC00000B7, AARCH64),
}  # machine -> (AUDIT_ARCH of linux/audit.h, calls)

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # SECCOMP_RET_ALLOW, _ERRNO | EPERM, _KILL_PROCESS
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06  # opcodes of linux/bpf_common.h
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
X32_BIT = 0x40000000
PROT_EXEC, MAP_HUGETLB = 4, 0x40000
FUTEX_FLAGS = 0x80 | 0x100  # private, real-time clock


@dataclass(frozen=True)
class Guard:
    """What may stand in one argument (counted from 0): none of `no_bits`; less than `below`; or, without the bits of
    `ignored`, one of `only`.

    The low half is looked at: all of these are int, or flags below bit 32, to the kernel, and both machines are
    little-endian."""

    argument: int
    no_bits: int = 0
    below: int = 0
    only: tuple[int, ...] = ()
    ignored: int = 0

    def instructions(self) -> list[tuple[int, int, int, int]]:
        """Go on behind these where the argument passes, refuse where it does not."""
        load, refuse = (LOAD, 0, 0, ARGUMENTS + 8 * self.argument), (RETURN, 0, 0, REFUSE)
        if self.no_bits:
            return [load, (ANY_BIT, 0, 1, self.no_bits), refuse]
        if self.below:
            return [load, (AT_LEAST, 0, 1, self.below), refuse]
        tests = [(EQUAL, len(self.only) - place, 0, value) for place, value in enumerate(self.only)]
        return [load, (AND, 0, 0, ~self.ignored & 0xFFFFFFFF), *tests, refuse]


CLOCKS = (
    Guard(0, below=16),
)  # the system's own and this process's; other numbers are other processes' processor time, or devices
GUARDS = {
    # Memory is never executable, nor taken from the pool of huge pages that all programs share.
    "mmap": (Guard(2, no_bits=PROT_EXEC), Guard(3, no_bits=MAP_HUGETLB)),
    "mprotect": (Guard(2, no_bits=PROT_EXEC),),
    # Normal, random, sequential, will or do not need, free, (no) huge pages. Not: poison or take a page from the
    # machine (100, 101), merge it with other programs' pages (12), cut holes into shared memory (9), and what later
    # kernels add.
    "madvise": (Guard(2, only=(0, 1, 2, 3, 4, 8, 14, 15)),),
    # Wait and wake, with a bit set or without: what locks of the C library need. Not the operations of priority
    # inheritance and requeueing.
    "futex": (Guard(1, only=(0, 1, 9, 10), ignored=FUTEX_FLAGS),),
    "clock_gettime": CLOCKS,
    "clock_getres": CLOCKS,
    "clock_nanosleep": CLOCKS,
}


def filter_program(machine: str = "") -> bytes:
    """The filter as an array of struct sock_filter, 8 bytes an instruction. ValueError on a system for which there is
    none."""
    machine = machine or platform.machine()
    if not sys.platform.startswith("linux") or machine not in MACHINES:
        raise ValueError(
            f"the sandbox needs seccomp of Linux on {' or '.join(MACHINES)}, this is {sys.platform} on {machine}; "
            "run programs on such a machine"
        )
    architecture, calls = MACHINES[machine]
    # Jumps count the instructions to skip.
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
    ]
    for name, guards in GUARDS.items():
        checks = [instruction for guard in guards for instruction in guard.instructions()] + [(RETURN, 0, 0, ALLOW)]
        program += [(EQUAL, 0, len(checks), calls[name]), *checks]
    plain = sorted(number for name, number in calls.items() if name not in GUARDS)
    program += [(EQUAL, len(plain) - place, 0, number) for place, number in enumerate(plain)]
    program += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
