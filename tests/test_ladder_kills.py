"""Kills, stops and second starts of the real commands with their real pool: one line each, nobody left, and after
another start the same bytes.

One case of each kind is run always, all of them with `-m slow`."""

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import tiny_command, tiny_ladder
from tests.tiny_command import Started, processes, run, snapshot, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a command in /proc")

# What is done before, the command, and the report of a worker at which it is disturbed: behind its second state, its
# first table, its third row.
CASES = {
    "train": ((), ("train", "loss"), 25),
    "score": ((("train", "loss"),), ("measure", "scores"), 1),
    "train paper P": ((), ("train", "passuntil"), 5),
    "measure": ((("train", "passuntil"),), ("measure", "pass_rates"), 3),
}
KILLS = ("parent", "worker", "fork server", "group")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """case -> folder before the command, and what the results are after it when nobody disturbs it."""

    @cache
    def results(case: str) -> tuple[Path, dict[str, str]]:
        done, command, _ = CASES[case]
        before, after = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")
        tiny_ladder.paths(before)
        for earlier in done:
            assert run(before, earlier)[0] == 0
        shutil.copytree(before, after, symlinks=True, dirs_exist_ok=True)
        code, out, err = run(after, command)
        assert (code, err) == (0, ""), (out, err)
        return before, snapshot(after)

    return results


def begin(case: str, undisturbed, tmp_path: Path) -> Started:
    """The command of a case in a folder of its own, held in the middle of its work."""
    shutil.copytree(undisturbed(case)[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    started = Started(tmp_path, CASES[case][1], hold_at=CASES[case][2])
    started.worker()
    return started


def ends_as_if_undisturbed(case: str, undisturbed, root: Path) -> bool:
    """True where another start ends well and the results are those of a command that nobody disturbed."""
    code, out, err = run(root, CASES[case][1])
    assert (code, err) == (0, ""), (out, err)
    assert not processes(root)
    return snapshot(root) == undisturbed(case)[1]


def fork_server_of(worker: int) -> int:
    with open(f"/proc/{worker}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def slow_but(chosen: str, case: str, kind: str):
    """A parameter that is run always if it is the chosen one."""
    return pytest.param(case, kind, id=f"{case}, {kind}", marks=() if f"{case}, {kind}" == chosen else pytest.mark.slow)


@pytest.mark.parametrize(("case", "kill"), [slow_but("train, parent", case, kill) for case in CASES for kill in KILLS])
def test_a_kill_leaves_nobody_and_the_next_start_ends_with_the_same_bytes(case, kill, undisturbed, tmp_path):
    started = begin(case, undisturbed, tmp_path)
    worker, parent = started.worker(), started.process.pid
    if kill == "group":
        os.killpg(parent, signal.SIGKILL)
    else:
        os.kill({"parent": parent, "worker": worker, "fork server": fork_server_of(worker)}[kill], signal.SIGKILL)
    if kill in ("worker", "fork server"):
        code, out, err = started.end()
        assert code == 0 and "its worker was killed" in out and "started again from its last state" in out, (out, err)
        assert err == "" or kill == "fork server", err
        assert not processes(tmp_path) and snapshot(tmp_path) == undisturbed(case)[1]
    else:
        assert started.end()[0] == -signal.SIGKILL
    # At once, while the workers of the killed parent may still end: the lock is theirs until they have.
    assert ends_as_if_undisturbed(case, undisturbed, tmp_path)


@pytest.mark.slow
def test_the_workers_of_a_killed_parent_end(undisturbed, tmp_path):
    started = begin("train", undisturbed, tmp_path)
    assert len(processes(tmp_path)) >= 3, "parent, fork server and worker"
    started.process.kill()
    started.process.wait()
    wait_for(lambda: not processes(tmp_path))
    assert (tmp_path / "results" / "tiny" / ".lock").exists(), "no obstacle, as the other tests show"


@pytest.mark.parametrize(
    ("case", "name"), [slow_but("train, SIGTERM", case, name) for case in CASES for name in ("SIGTERM", "SIGINT")]
)
def test_a_stop_is_one_line_and_the_next_start_ends_with_the_same_bytes(case, name, undisturbed, tmp_path):
    """SIGTERM comes to the parent alone, Ctrl-C to the whole group of a terminal."""
    started = begin(case, undisturbed, tmp_path)
    if name == "SIGTERM":
        started.process.send_signal(signal.SIGTERM)
    else:
        os.killpg(started.process.pid, signal.SIGINT)
    code, _, err = started.end()
    words = " ".join(CASES[case][1])
    assert (
        code == 130
        and len(err.splitlines()) == 1
        and err.strip().endswith(f"go on with `python -m ladder {words} --profile tiny`")
    ), err
    assert not processes(tmp_path)
    if case == "train":
        held = [
            path.parent.name for path in (tmp_path / "results" / "tiny" / "loss" / "runs").glob("*/state.safetensors")
        ]
        assert held, "a stopped training keeps the state it is in"
    assert ends_as_if_undisturbed(case, undisturbed, tmp_path)


@pytest.mark.parametrize(
    "case", ["train", *(pytest.param(case, marks=pytest.mark.slow) for case in CASES if case != "train")]
)
def test_a_second_start_says_who_is_at_work_and_changes_nothing(case, undisturbed, tmp_path):
    started = begin(case, undisturbed, tmp_path)
    lock = tmp_path / "results" / "tiny" / ".lock"
    before, words = lock.read_bytes(), CASES[case][1]
    for other in (words, ("run",), ("train", "loss", "--index", "0", "--of", "2")):
        code, out, err = run(tmp_path, other)
        assert code == 2 and out == "" and len(err.splitlines()) == 1
        assert (
            f"error: profile tiny is in use by process {started.process.pid} on " in err
            and f"{' '.join(words)}`, since 20" in err
        )
    assert lock.read_bytes() == before and started.process.poll() is None
    os.kill(started.worker(), signal.SIGKILL)
    code, out, err = started.end()
    assert (code, err) == (0, ""), (out, err)
    assert snapshot(tmp_path) == undisturbed(case)[1]


def test_another_profile_is_not_in_the_way(tmp_path):
    from files.lock import exclusive
    from profiles.paths import Paths

    with exclusive(Paths("one", tmp_path).lock, "profile one"), exclusive(Paths("two", tmp_path).lock, "profile two"):
        assert Paths("one", tmp_path).lock.exists() and Paths("two", tmp_path).lock.exists()


@pytest.mark.parametrize("case", ["train", pytest.param("measure", marks=pytest.mark.slow)])
def test_a_read_only_place_is_one_line(case, undisturbed, tmp_path):
    prefix = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.getuid() == 0 else []
    if prefix and not shutil.which(prefix[0]):
        pytest.skip("root may write everywhere, and there is no setpriv to run without that right")
    shutil.copytree(undisturbed(case)[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    folders = [path for path in (tmp_path / "results").rglob("*") if path.is_dir() and not path.is_symlink()]
    before = snapshot(tmp_path)
    for path in folders:
        path.chmod(0o555)
    try:
        code, out, err = run(tmp_path, CASES[case][1], prefix=prefix)
    finally:
        for path in folders:
            path.chmod(0o755)
    lock = tmp_path / "results" / "tiny" / ".lock"
    assert (code, out, err) == (
        1,
        "",
        f"error: {lock}: Permission denied; make the place writable for this user and start again\n",
    )
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("case", ["train", pytest.param("measure", marks=pytest.mark.slow)])
def test_a_full_disk_is_one_line_and_the_next_start_ends_with_the_same_bytes(case, undisturbed, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    before, after = undisturbed(case)
    size = (
        sum(path.stat().st_size for path in before.rglob("*") if path.is_file()) + 40_000
    )  # the first files fit, the whole does not
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("no small disk can be mounted here: that needs root")
    try:
        shutil.copytree(before, disk, symlinks=True, dirs_exist_ok=True)
        code, out, err = run(disk, CASES[case][1])
        # 2: a training that would not fit is not begun; 1: a file did not fit.
        assert code == (2 if case == "train" else 1) and "Traceback" not in out + err, (code, out, err)
        lines = err.splitlines()
        assert lines and all(
            "free some space" in line or line.startswith("error: ") or "go on with" in line for line in lines
        ), err
        assert any("free some space" in line for line in lines) and not processes(disk)
        subprocess.run(["mount", "-o", "remount,size=100M", str(disk)], check=True)
        code, out, err = run(disk, CASES[case][1])
        assert (code, err) == (0, "") and snapshot(disk) == after
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_the_tests_look_at_would_show_a_difference(undisturbed, tmp_path):
    shutil.copytree(undisturbed("train")[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    before = tiny_command.snapshot(tmp_path)
    (tmp_path / "results" / "tiny" / "loss" / "runs" / ".x.1.partial").write_text("")
    assert tiny_command.snapshot(tmp_path) != before
