"""The filter says yes to what it lists and no to all else: its instructions are run here by a small BPF machine."""

import struct

import pytest

from sandbox.filter import ALLOW, GUARDS, KILL, MACHINES, REFUSE, filter_program

# Of both machines, from the kernel's unistd headers: what reaches other processes, files, the network, devices, the
# kernel's own programs, or rights.
DANGEROUS = {
    "x86_64": {
        "open": 2,
        "stat": 4,
        "ioctl": 16,
        "pipe": 22,
        "shmget": 29,
        "dup": 32,
        "socket": 41,
        "connect": 42,
        "sendmsg": 46,
        "clone": 56,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "kill": 62,
        "fcntl": 72,
        "truncate": 76,
        "chdir": 80,
        "mkdir": 83,
        "unlink": 87,
        "symlink": 88,
        "ptrace": 101,
        "syslog": 103,
        "setuid": 105,
        "setsid": 112,
        "capset": 126,
        "personality": 135,
        "setpriority": 141,
        "sched_setscheduler": 144,
        "mlock": 149,
        "modify_ldt": 154,
        "pivot_root": 155,
        "prctl": 157,
        "arch_prctl": 158,
        "setrlimit": 160,
        "chroot": 161,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "reboot": 169,
        "iopl": 172,
        "ioperm": 173,
        "init_module": 175,
        "quotactl": 179,
        "tkill": 200,
        "io_setup": 206,
        "remap_file_pages": 216,
        "timer_create": 222,
        "tgkill": 234,
        "mbind": 237,
        "set_mempolicy": 238,
        "mq_open": 240,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "migrate_pages": 256,
        "openat": 257,
        "unshare": 272,
        "splice": 275,
        "move_pages": 279,
        "signalfd": 282,
        "eventfd": 284,
        "pipe2": 293,
        "perf_event_open": 298,
        "fanotify_init": 300,
        "prlimit64": 302,
        "open_by_handle_at": 304,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "kcmp": 312,
        "finit_module": 313,
        "seccomp": 317,
        "memfd_create": 319,
        "kexec_file_load": 320,
        "bpf": 321,
        "execveat": 322,
        "userfaultfd": 323,
        "membarrier": 324,
        "pkey_mprotect": 329,
        "rseq": 334,
        "pidfd_send_signal": 424,
        "io_uring_setup": 425,
        "io_uring_enter": 426,
        "io_uring_register": 427,
        "open_tree": 428,
        "fsopen": 430,
        "pidfd_open": 434,
        "clone3": 435,
        "openat2": 437,
        "pidfd_getfd": 438,
        "process_madvise": 440,
        "landlock_restrict_self": 446,
        "memfd_secret": 447,
        "process_mrelease": 448,
        "set_mempolicy_home_node": 450,
        "map_shadow_stack": 453,
    },
    "aarch64": {
        "io_setup": 0,
        "setxattr": 5,
        "eventfd2": 19,
        "dup": 23,
        "fcntl": 25,
        "ioctl": 29,
        "mkdirat": 34,
        "unlinkat": 35,
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "chroot": 51,
        "openat": 56,
        "pipe2": 59,
        "splice": 76,
        "capset": 91,
        "personality": 92,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "timer_create": 107,
        "syslog": 116,
        "ptrace": 117,
        "sched_setscheduler": 119,
        "kill": 129,
        "tkill": 130,
        "tgkill": 131,
        "setpriority": 140,
        "setuid": 146,
        "setsid": 157,
        "setrlimit": 164,
        "prctl": 167,
        "mq_open": 180,
        "shmget": 194,
        "socket": 198,
        "sendmsg": 211,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "clone": 220,
        "execve": 221,
        "swapon": 224,
        "mlock": 228,
        "mbind": 235,
        "perf_event_open": 241,
        "prlimit64": 261,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "kcmp": 272,
        "finit_module": 273,
        "seccomp": 277,
        "memfd_create": 279,
        "bpf": 280,
        "execveat": 281,
        "userfaultfd": 282,
        "pkey_mprotect": 288,
        "io_uring_setup": 425,
        "pidfd_open": 434,
        "clone3": 435,
        "openat2": 437,
        "pidfd_getfd": 438,
        "process_madvise": 440,
        "memfd_secret": 447,
    },
}
# Call, place of the argument, values that pass, values that are refused.
ARGUMENTS = [
    ("mmap", 2, (0, 1, 3), (4, 5, 7, 0xFFFFFFFF)),
    ("mmap", 3, (0x22, 0x20022), (0x40022, 0x40000 | 21 << 26)),
    ("mprotect", 2, (0, 3), (4, 7, 0x01000004)),
    (
        "madvise",
        2,
        (0, 1, 2, 3, 4, 8, 14, 15),
        (9, 10, 11, 12, 13, 16, 18, 20, 21, 22, 23, 25, 100, 101, 102, 0xFFFFFFFF),
    ),
    ("futex", 1, (0, 1, 9, 10, 128, 129, 137, 393), (2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 134, 139, 512)),
    *(
        (name, 0, (0, 1, 2, 3, 7), (16, 0xFFFFFFF8, (~1 << 3 | 2) & 0xFFFFFFFF))
        for name in ("clock_gettime", "clock_getres", "clock_nanosleep")
    ),
]


def outcome(program: bytes, number: int, architecture: int, arguments: dict[int, int] | None = None) -> int:
    """What the filter returns for a call (struct seccomp_data: number, architecture, instruction pointer, six
    arguments)."""
    values = [(arguments or {}).get(place, 0) for place in range(6)]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *values)
    instructions = list(struct.iter_unpack("=HBBI", program))
    place, held = 0, 0
    while True:
        code, if_true, if_false, value = instructions[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            held &= value
        else:
            place += if_true if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code] else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_number_has_its_outcome(machine):
    architecture, calls = MACHINES[machine]
    program = filter_program(machine)
    allowed = {number for number in range(1000) if outcome(program, number, architecture) == ALLOW}
    assert allowed == set(calls.values())
    assert {outcome(program, number, architecture) for number in set(range(1000)) - allowed} == {REFUSE}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    "name,place,passing,refused", ARGUMENTS, ids=[f"{name} {place}" for name, place, *_ in ARGUMENTS]
)
def test_guarded_arguments(machine, name, place, passing, refused):
    architecture, calls = MACHINES[machine]
    program = filter_program(machine)
    assert {outcome(program, calls[name], architecture, {place: value}) for value in passing} == {ALLOW}
    assert {outcome(program, calls[name], architecture, {place: value}) for value in refused} == {REFUSE}
    assert outcome(program, calls["read"], architecture, {place: refused[0]}) == ALLOW
    assert GUARDS.keys() == {guarded for guarded, *_ in ARGUMENTS}


def test_calls_of_another_architecture_end_the_process():
    program = filter_program("x86_64")
    assert outcome(program, 1, MACHINES["aarch64"][0]) == KILL
    assert outcome(program, 0x40000000 + 1, MACHINES["x86_64"][0]) == KILL


@pytest.mark.parametrize("machine,name", [(machine, name) for machine, calls in DANGEROUS.items() for name in calls])
def test_dangerous_calls_are_refused_whatever_their_arguments(machine, name):
    architecture, calls = MACHINES[machine]
    number = DANGEROUS[machine][name]
    assert name not in calls
    for value in (0, 1, 2, 0xFFFFFFFFFFFFFFFF):
        assert outcome(filter_program(machine), number, architecture, dict.fromkeys(range(6), value)) == REFUSE


def test_refuses_an_unknown_machine():
    with pytest.raises(ValueError, match="^the sandbox needs seccomp of Linux[^\n]*this is linux on vax; [^\n]*$"):
        filter_program("vax")
