"""The filter says yes to what it lists and no to all else: its instructions are run here by a small BPF machine."""

import struct

import pytest

from evaluation.sandbox_filter import ALLOW, KILL, MACHINES, REFUSE, X86_64, filter_program


def outcome(program: bytes, number: int, architecture: int, third: int = 0) -> int:
    """What the filter returns for a call (struct seccomp_data: number, architecture, instruction pointer, six arguments)."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, 0, 0, third, 0, 0, 0)
    instructions = list(struct.iter_unpack("=HBBI", program))
    place, held = 0, 0
    while True:
        code, if_true, if_false, value = instructions[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        else:
            place += if_true if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code] else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_number_has_its_outcome(machine):
    architecture, calls = MACHINES[machine]
    program = filter_program(machine)
    allowed = {number for number in range(1000) if outcome(program, number, architecture) == ALLOW}
    assert allowed == set(calls.values())
    assert {outcome(program, number, architecture) for number in set(range(1000)) - allowed} == {REFUSE}


@pytest.mark.parametrize("name", ["mmap", "mprotect"])
def test_memory_cannot_be_made_executable(name):
    program, architecture = filter_program("x86_64"), MACHINES["x86_64"][0]
    assert outcome(program, X86_64[name], architecture, third=3) == ALLOW
    assert outcome(program, X86_64[name], architecture, third=7) == REFUSE
    assert outcome(program, X86_64["read"], architecture, third=7) == ALLOW


def test_calls_of_another_architecture_end_the_process():
    program = filter_program("x86_64")
    assert outcome(program, 1, MACHINES["aarch64"][0]) == KILL
    assert outcome(program, 0x40000000 + 1, MACHINES["x86_64"][0]) == KILL


def test_nothing_dangerous_is_listed():
    for _, calls in MACHINES.values():
        assert not calls.keys() & {"open", "openat", "socket", "clone", "clone3", "fork", "vfork", "execve", "execveat", "kill", "tgkill", "tkill", "ptrace",
                                   "prctl", "seccomp", "setrlimit", "prlimit64", "process_vm_readv", "io_uring_setup", "unshare", "setns", "mount", "bpf",
                                   "memfd_create", "pkey_mprotect", "dup", "sendmsg", "stat", "newfstatat"}


def test_refuses_an_unknown_machine():
    with pytest.raises(ValueError, match="^the sandbox needs seccomp of Linux[^\n]*this is linux on vax; [^\n]*$"):
        filter_program("vax")
