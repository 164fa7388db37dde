"""`make setup`: what it refuses before anything is downloaded, and in which order it installs."""

import ast
import os
import subprocess
import sys

import pytest

from install import make_environment
from install.make_environment import (
    is_of_this_python,
    platform_refusal,
    supported_versions,
    venv_refusal,
    version_refusal,
)
from profiles.paths import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def one_line(text: str) -> str:
    assert text and "\n" not in text and len(text) < 250
    return text


def test_the_check_is_the_first_thing_that_make_does():
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "setup"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert planned[0] == "python3 install/make_environment.py"
    assert planned[1:] == ["touch .venv/installed"]


def test_old_interpreters_can_read_the_check():
    """A SyntaxError would not be the line that helps."""
    ast.parse((ROOT / "install/make_environment.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_versions_are_those_of_pyproject():
    assert supported_versions(PYPROJECT) == ((3, 11), (3, 15))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 11, 2), (3, 12, 1), (3, 13, 5), (3, 14, 0)])
def test_supported_python(version):
    assert version_refusal(PYPROJECT, version, "python3") == ""


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 9, 18), (3, 10, 13), (3, 15, 0), (4, 0, 0), (2, 7, 18)])
def test_other_python_is_refused_in_one_line_with_the_remedy(version):
    said = one_line(version_refusal(PYPROJECT, version, "bin/python3"))
    assert ".".join(map(str, version)) in said and "bin/python3" in said
    assert "3.11 to 3.14" in said and "make setup PYTHON=python3.11" in said and "python3-venv" in said


@pytest.mark.parametrize(
    ("described", "is_refused"),
    [
        (("Linux", "x86_64", "glibc", ""), False),
        (("Linux", "aarch64", "glibc", ""), False),
        (("Darwin", "arm64", "", "14.5"), False),
        (("Darwin", "arm64", "", "26.0.1"), False),
        (("Linux", "x86_64", "", ""), True),
        (("Linux", "riscv64", "glibc", ""), True),
        (("Darwin", "arm64", "", "13.6"), True),
        (("Darwin", "x86_64", "", "14.5"), True),
        (("Windows", "AMD64", "", ""), True),
        (("FreeBSD", "amd64", "", ""), True),
    ],
)
def test_platforms_without_a_build_of_torch(described, is_refused):
    said = platform_refusal(*described)
    assert bool(said) == is_refused
    if is_refused:
        assert described[0] in one_line(said) and "use Linux" in said


def test_absent_python3_venv_is_named(monkeypatch):
    assert venv_refusal() == ""
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "apt-get install python3-venv" in one_line(venv_refusal())


def test_a_refusal_ends_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["make_environment.py"])
    monkeypatch.setattr(make_environment, "make", lambda: pytest.fail("started"))
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit) as ended:
        make_environment.main()
    assert "python3-venv" in one_line(ended.value.code)
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match="Python 3.10.13 .* will not do"):
        make_environment.main()


def test_an_environment_of_another_python_is_made_anew(tmp_path):
    assert not is_of_this_python(str(tmp_path))
    for version, is_same in ((".".join(map(str, sys.version_info[:3])), True), ("3.9.18", False)):
        (tmp_path / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")
        assert is_of_this_python(str(tmp_path)) == is_same


class Calls(list):
    """Stands for subprocess.call: notes the last words of each command; what `fails` names returns 1."""

    fails = ""

    def __call__(self, command, **_):
        self.append(" ".join(command[-2:]).removeprefix("-r "))
        return int(bool(self.fails) and self.fails in self[-1])


@pytest.fixture
def calls(monkeypatch, tmp_path):
    noted = Calls()
    monkeypatch.setattr(make_environment, "VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(make_environment.subprocess, "call", noted)
    monkeypatch.setattr(make_environment, "index_options", list)
    monkeypatch.setattr(make_environment.platform, "system", lambda: "Linux")
    monkeypatch.setattr(make_environment.shutil, "which", lambda name: None)
    monkeypatch.setattr(
        make_environment,
        "installed_torch",
        lambda: "2.13.0+cpu" if "install/constraints-cpu.txt" in noted and not noted.fails else "",
    )
    return noted


BUILD, CPU, ALL, CUDA, CHECK = (
    "install/constraints-build.txt",
    "install/constraints-cpu.txt",
    "constraints.txt",
    "install/constraints-cuda.txt",
    "--disable-pip-version-check check",
)


def test_the_cpu_build_comes_first_and_brings_no_cuda(calls):
    make_environment.make()
    assert calls[1:] == [BUILD, CPU, ALL, CHECK]


def test_without_a_cpu_build_the_registrys_is_taken_and_said(calls, capsys):
    calls.fails = CPU
    make_environment.make()
    assert calls[1:] == [BUILD, CPU, ALL, CUDA, CHECK]
    assert "no CPU build of torch can be reached" in one_line(capsys.readouterr().out.strip())


def test_with_a_gpu_the_cpu_build_is_not_asked_for(calls, monkeypatch):
    monkeypatch.setattr(make_environment.shutil, "which", lambda name: "bin/nvidia-smi")
    make_environment.make()
    assert calls[1:] == [BUILD, ALL, CUDA, CHECK]


def test_on_macos_there_is_one_build(calls, monkeypatch):
    monkeypatch.setattr(make_environment.platform, "system", lambda: "Darwin")
    make_environment.make()
    assert calls[1:] == [BUILD, ALL, CHECK]


def test_a_failed_install_ends_in_one_line(calls):
    calls.fails = ALL
    with pytest.raises(SystemExit, match="make setup: .* failed, see above; run it again"):
        make_environment.make()
    assert CHECK not in calls


def test_all_lists_that_are_read_exist():
    assert all((ROOT / name).is_file() for name in (BUILD, CPU, ALL, CUDA))


def test_unknown_extra_is_one_line(monkeypatch):
    monkeypatch.setattr(make_environment, "run", lambda *_: pytest.fail("started"))
    with pytest.raises(SystemExit, match="no extra named gpus; choose among dev, export, gpu, scale"):
        make_environment.add_extras(["gpu", "gpus"])


def test_version_of_an_installed_torch_is_read(monkeypatch):
    from importlib.metadata import version

    monkeypatch.setattr(make_environment, "VENV", os.path.dirname(os.path.dirname(sys.executable)))
    assert make_environment.installed_torch() == version("torch")
