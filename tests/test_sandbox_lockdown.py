"""What is given up is gone, as the kernel shows it: in processes of their own, as nothing of it can be taken back."""

import json
import os
import subprocess
import sys

import pytest

from sandbox import filter
from tests.sandbox_processes import REFUSE_NAMESPACES, ROOT

STATUS = """
import ctypes, json, os, sys
from sandbox import lockdown
libc = ctypes.CDLL(None, use_errno=True)
def status():
    return dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
"""
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def run(source: str, before: str = "") -> object:
    """What the source printed as json, run as a program of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", before + STATUS + source], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_no_capability_is_left():
    before, holds, after = run(
        "before = status(); holds = lockdown.drop_capabilities(libc)\nprint(json.dumps([before, holds, status()]))"
    )
    assert holds is True
    assert {int(after[name], 16) for name in CAPABILITIES if name != "CapBnd"} == {0}
    has_some = bool(int(before["CapEff"], 16) >> 8 & 1)  # CAP_SETPCAP, which may empty the bounding set
    assert (int(after["CapBnd"], 16) == 0) or not has_some


def test_no_capability_is_left_of_those_that_a_namespace_gives():
    is_apart, before, holds, after = run(
        "is_apart = lockdown.isolate(libc); before = status(); holds = lockdown.drop_capabilities(libc)\n"
        "print(json.dumps([is_apart, before, holds, status()]), flush=True)"
    )
    if not is_apart:
        pytest.skip("no namespaces here")
    assert int(before["CapEff"], 16) and holds
    assert {int(after[name], 16) for name in CAPABILITIES} == {0}


def test_a_locked_process_can_gain_nothing():
    code = filter.filter_program().hex()
    limits = {"cpu_seconds": 2, "memory_bytes": 1 << 29}
    source = f"""
import resource
code = bytes.fromhex({code!r}); held = ctypes.create_string_buffer(code, len(code))
program = ctypes.byref(lockdown.FilterProgram(len(code) // 8, ctypes.addressof(held)))
file = open("/proc/self/status"); mine = open("/proc/self/limits")
lockdown.lock(libc, program, {limits}, 8)
print(json.dumps([file.read(), mine.read()]), flush=True)
os._exit(0)
"""
    status, listed = run(source)
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    values = {line[:25].strip(): line[26:].split()[:2] for line in listed.splitlines()[1:]}
    assert (
        values["Max processes"]
        == values["Max file size"]
        == values["Max locked memory"]
        == values["Max core file size"]
        == ["0", "0"]
    )
    assert (
        values["Max cpu time"] == ["3", "3"]
        and values["Max open files"] == ["8", "8"]
        and values["Max address space"] == [str(1 << 29)] * 2
    )


def test_where_namespaces_are_refused_it_says_so():
    assert run("print(json.dumps(lockdown.isolate(libc)))", REFUSE_NAMESPACES) is False


def test_addresses_are_the_same_from_start_to_start():
    source = (
        "holds = lockdown.fix_addresses(libc)\nprint(json.dumps([holds, id(libc), [str(kind) for kind in {int, str,"
        " list, dict, set, tuple}]]))"
    )
    first, second = (run(source) for _ in range(2))
    assert first == second or first[0] is False


def test_the_modules_import_where_linux_is_not():
    """On macOS nothing of Linux is looked for before a sandbox is started, and then one line says what is wanted."""
    source = (
        "import sys\nfor name in ('fcntl', 'resource'):\n    sys.modules[name] = None\nsys.platform = 'darwin'\n"
        "from sandbox import filter, parent, proxy, values\n"
        "import platform; platform.machine = lambda: 'arm64'\n"
        "try:\n    parent.Sandbox()\nexcept parent.SandboxError as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    assert (
        ended.stdout.startswith("the sandbox needs seccomp of Linux")
        and ended.stdout.count("\n") == 1
        and "darwin on arm64" in ended.stdout
    )


def test_empty_root_holds_where_it_may():
    if os.getuid() and not run("print(json.dumps(lockdown.isolate(libc)), flush=True)"):
        pytest.skip("neither root nor a namespace here")
    assert run(
        "lockdown.isolate(libc)\nheld = lockdown.empty_root()\n"
        "print(json.dumps([held, os.path.exists('/etc')]), flush=True)"
    ) == [True, False]
