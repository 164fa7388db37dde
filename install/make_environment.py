"""`make setup`: makes .venv with the tested pins of constraints.txt, every file checked against its hash.

What would fail late is asked first and refused in one line: the version of Python, the platform, Debian's python3-venv.
Run by whatever python3 the machine has, so the syntax is that of Python 3.6 and only the standard library is imported.

torch comes in two builds. The CPU build (0.2 GB) is taken where no NVIDIA driver is seen and pip can find it: in
PyTorch's own index, or wherever the user's pip looks. The registry's build for Linux (0.5 GB) needs CUDA's libraries (2
GB more).

`--extras NAME ...` adds the optional dependencies of pyproject.toml to the .venv that is there.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from urllib.request import urlopen

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CONNECT_SECONDS = 5
OLDEST_MACOS = 14  # of torch's wheels
PIP = ["-m", "pip", "--disable-pip-version-check"]
# The lists are complete: nothing is resolved (--no-deps), and what has no wheel is built by what the first list has
# brought.
# `pip check` then compares what is there with the packages' own metadata.
INSTALL = [*PIP, "install", "-q", "--require-hashes", "--no-deps", "--no-build-isolation", "--use-pep517"]


def supported_versions(pyproject):
    """((3, 11), (3, 15)): the oldest Python and the first that is too new, as pyproject.toml's text says."""
    limits = re.search(r'^requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"$', pyproject, re.MULTILINE).groups()
    return tuple(map(int, limits[:2])), tuple(map(int, limits[2:]))


def version_refusal(pyproject, version, executable):
    """One line where this Python is too old or too new, else "". version: (major, minor, patch)."""
    oldest, too_new = supported_versions(pyproject)
    if oldest <= tuple(version[:2]) < too_new:
        return ""
    return (
        "Python {} ({}) will not do: this needs 3.{} to 3.{}; name another, as in `make setup PYTHON=python3.{}` "
        "(Debian 12 and 13: apt-get install python3 python3-venv)"
    ).format(".".join(map(str, version[:3])), executable, oldest[1], too_new[1] - 1, oldest[1])


def platform_refusal(system, machine, libc, macos):
    """One line where torch has no wheel for this platform, else "".

    system, machine: as platform.system() and platform.machine() say; libc: "glibc" or anything else; macos: version or
    "".
    """
    if system == "Linux" and machine in ("x86_64", "aarch64") and libc == "glibc":
        return ""
    if system == "Darwin" and machine == "arm64" and int(macos.split(".")[0] or 0) >= OLDEST_MACOS:
        return ""
    return (
        "torch has no build for {} on {}{}: use Linux (glibc, x86_64 or aarch64; on Windows WSL 2) or macOS {} on arm64"
    ).format(
        " ".join(filter(None, [system, macos])),
        machine,
        " without glibc" if system == "Linux" and libc != "glibc" else "",
        OLDEST_MACOS,
    )


def venv_refusal():
    """One line where environments cannot be made, else "". Debian keeps ensurepip in a package of its own."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return "Python's venv is not installed: apt-get install python3-venv (Debian, Ubuntu), then run this again"
    return ""


def refusal():
    """The first reason not to start, one line, or ""."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        pyproject = file.read()
    return (
        version_refusal(pyproject, sys.version_info, sys.executable)
        or platform_refusal(platform.system(), platform.machine(), platform.libc_ver()[0], platform.mac_ver()[0])
        or venv_refusal()
    )


def is_of_this_python(venv):
    """True where the environment was made by this minor version; another one's packages would not be found."""
    try:
        with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file:
            made_by = re.search(r"^version\s*=\s*(\d+)\.(\d+)", file.read(), re.MULTILINE)
    except OSError:
        return False
    return made_by is not None and tuple(map(int, made_by.groups())) == sys.version_info[:2]


def index_options():
    """Options of pip that name PyTorch's index of CPU builds, where it can be reached (pip itself would try for
    minutes)."""
    try:
        urlopen(CPU_INDEX + "/torch/", timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError):  # ValueError: what a broken proxy setting raises
        return []
    return ["--extra-index-url", CPU_INDEX]


def installed_torch():
    """Version of the torch in .venv, "" where there is none."""
    code = (
        "from importlib.metadata import distributions as d; print(*{p.version for p in d() if p.metadata['Name'] =="
        " 'torch'})"
    )
    return subprocess.check_output([os.path.join(VENV, "bin", "python"), "-c", code], universal_newlines=True).strip()


def install_torch_cpu():
    """The CPU build of torch where it can be had, whatever pip says where it cannot."""
    if platform.system() == "Linux" and not shutil.which("nvidia-smi") and not installed_torch():
        command = [os.path.join(VENV, "bin", "python"), *INSTALL, *index_options(), "-r", "install/constraints-cpu.txt"]
        if subprocess.call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            print(
                "make setup: no CPU build of torch can be reached; taking the registry's, 3 GB with CUDA's libraries",
                flush=True,
            )


def run(*arguments):
    """Run .venv's python; SystemExit with one line where it fails."""
    if subprocess.call([os.path.join(VENV, "bin", "python"), *arguments], cwd=ROOT):
        sys.exit(
            "make setup: `python {}` failed, see above; run it again: what was downloaded is kept".format(
                " ".join(arguments)
            )
        )


def make():
    """The environment, from nothing or from what an interrupted start left."""
    clear = ["--clear"] if os.path.isdir(VENV) and not is_of_this_python(VENV) else []
    if subprocess.call([sys.executable, "-m", "venv", *clear, VENV]):
        sys.exit("make setup: python -m venv failed, see above")
    run(*INSTALL, "-r", "install/constraints-build.txt")
    install_torch_cpu()
    run(*INSTALL, "-r", "constraints.txt")
    if platform.system() == "Linux" and "+cpu" not in installed_torch():
        run(*INSTALL, "-r", "install/constraints-cuda.txt")
    run(*PIP, "check")


def add_extras(names):
    """Optional dependencies, by pyproject.toml's ranges (they have no pins of their own)."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    unknown = sorted(set(names) - extras.keys())
    if unknown:
        sys.exit("no extra named {}; choose among {}".format(", ".join(unknown), ", ".join(sorted(extras))))
    run(*PIP, "install", "-q", *[requirement for name in names for requirement in extras[name]])


def main():
    """Refuse, or make."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--extras", nargs="+", default=[], help="optional dependencies to add to .venv")
    options = parser.parse_args()
    reason = refusal()
    if reason:
        sys.exit(reason)
    if options.extras:
        add_extras(options.extras)
    else:
        make()


if __name__ == "__main__":
    main()
