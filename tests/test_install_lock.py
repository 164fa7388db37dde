"""The pins: within pyproject.toml's ranges, the same for conda, made by the command alone, and (slow, by the registry)
free of contradictions."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

from install import lock
from profiles.paths import ROOT

LISTS = {path: path.read_text(encoding="utf-8") for path in lock.TITLES}
DIRECT = {requirement.name: requirement for requirement in map(Requirement, lock.requirements()[1:])}
UV_PLATFORMS = {
    "x86_64-manylinux_2_28": True,
    "aarch64-manylinux_2_28": True,
    "aarch64-apple-darwin": False,
}  # True: CUDA's libraries exist there


def test_pins_are_within_the_ranges():
    pinned = lock.pins(LISTS[lock.LOCK])
    assert not [
        name
        for name, requirement in DIRECT.items()
        if name not in pinned or not requirement.specifier.contains(pinned[name])
    ]
    assert "kernels" not in pinned, "the published package of that name would shadow our room"


CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge calls a package otherwise
BY_PIP = {"triton", "typst"}


def conda_ranges() -> tuple[dict[str, str], dict[str, Requirement]]:
    """Name -> range of the conda packages of environment.yml, and the requirements that it leaves to pip."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = dict(entry.split(" ", 1) for entry in listed if isinstance(entry, str) and " " in entry)
    return conda, {requirement.name: requirement for requirement in map(Requirement, listed[-1]["pip"])}


def test_conda_has_the_direct_dependencies_in_their_ranges():
    conda, by_pip = conda_ranges()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert conda.pop("python") == project["requires-python"]
    assert by_pip.keys() == BY_PIP and conda.keys() == {CONDA_NAMES.get(name, name) for name in DIRECT.keys() - BY_PIP}
    for name, requirement in DIRECT.items():
        if name in BY_PIP:
            assert str(by_pip[name].specifier) == str(requirement.specifier), name
            assert by_pip[name].marker == requirement.marker
        else:
            found = Requirement(f"{name}{conda[CONDA_NAMES.get(name, name)]}").specifier
            assert found == requirement.specifier, name


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_lists_are_what_the_command_wrote(path):
    """A pin changed by hand, or a range changed without the command, shows without a network."""
    title, lines = LISTS[path].splitlines()[:3], LISTS[path].splitlines()[3:]
    assert title[2] == f"# from {lock.inputs_digest()} lines {lock.digest(lines)}", "run `python install/lock.py`"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path):
    blocks = re.split(r"^(?=[a-z0-9])", LISTS[path], flags=re.MULTILINE)[1:]
    assert blocks and not [
        block.splitlines()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}$", block, re.MULTILINE)
    ]


def test_triton_follows_torch_and_is_left_out_where_it_has_no_wheel():
    marker, needed_by = DIRECT["triton"].marker, re.search(r"# for (.*)\ntriton==", LISTS[lock.LOCK])[1]
    assert needed_by == "emergence, torch", "the resolver found it by torch's own metadata"
    assert [Marker(str(marker)).evaluate({"sys_platform": system}) for system in ("linux", "darwin", "win32")] == [
        True,
        False,
        False,
    ]
    assert re.search(r"^triton==\S+ ; sys_platform == 'linux' ", LISTS[lock.LOCK], re.MULTILINE)


def test_the_lists_of_parts_agree_with_the_whole():
    whole = lock.pins(LISTS[lock.LOCK])
    assert lock.pins(LISTS[lock.BUILD_LOCK]) == {"setuptools": whole["setuptools"]}
    assert lock.pins(LISTS[lock.CPU_LOCK]) == {"torch": whole["torch"] + "+cpu"}
    assert not lock.pins(LISTS[lock.CUDA_LOCK]).keys() & whole.keys()


def test_the_cpu_build_is_listed_for_every_python_and_machine():
    version = lock.pins(LISTS[lock.LOCK])["torch"]
    names = lock.CPU_WHEELS.read_text(encoding="utf-8")
    for machine in ("x86_64", "aarch64"):
        for major, minor in lock.PYTHONS:
            assert f"torch-{version}+cpu-cp{major}{minor}-cp{major}{minor}-manylinux_2_28_{machine}.whl\n" in names
    with pytest.raises(ValueError, match="torch_cpu_wheels.txt: no wheel of torch 9.9.9; add those of"):
        lock.cpu_wheel_hashes("9.9.9")


def test_tested_pythons_are_those_that_are_allowed():
    allowed = lock.requirements()[0]
    assert allowed == f"python >={'.'.join(map(str, lock.PYTHONS[0]))},<3.{lock.PYTHONS[-1][1] + 1}"


def test_hashes_of_files_that_no_tested_platform_can_use_are_left_out():
    wheels = {
        "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "good",
        "a-1-cp310-cp310-manylinux_2_28_x86_64.whl": "old",
        "a-1-cp311-cp311-win_amd64.whl": "windows",
        "a-1-cp311-cp311-musllinux_1_2_x86_64.whl": "musl",
        "a-1-cp311-cp311-manylinux_2_39_x86_64.whl": "newer than Debian",
        "a-1-cp312-cp312-macosx_11_0_arm64.whl": "mac",
        "a-1-cp39-abi3-macosx_10_12_universal2.whl": "abi3",
    }
    assert lock.usable_hashes(wheels, "source") == ["abi3", "good", "mac", "source"]
    assert lock.usable_hashes({"a-1-py3-none-any.whl": "everywhere"}, "source") == ["everywhere"]


@pytest.mark.parametrize(
    ("marker", "short"),
    [
        (None, ""),
        ("sys_platform == 'darwin' or sys_platform == 'linux'", ""),
        (
            " or ".join(f"platform_machine == '{name}' and sys_platform == 'linux'" for name in ("x86_64", "aarch64")),
            " ; sys_platform == 'linux'",
        ),
        ("platform_system == 'Linux'", " ; sys_platform == 'linux'"),
        ("python_full_version < '3.12'", " ; python_full_version < '3.12'"),
        ("platform_machine == 'aarch64'", " ; platform_machine == 'aarch64'"),
    ],
)
def test_markers_are_said_shortly(marker, short):
    assert lock.short_marker(marker) == short


# The registry's word, from here on: with a network only.


def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
    """A command that sees the registry and no wheel, index or configuration of this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "UV_FIND_LINKS")
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env=kept | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"} | environment,
        capture_output=True,
        text=True,
    )


def compile_pins(platform: str, python: str, *lists: str) -> subprocess.CompletedProcess:
    """uv resolves lists for a platform and a Python, with wheels only (but for the one package that has none)."""
    from uv import find_uv_bin

    wheels = ("--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime")
    options = ("--quiet", "--no-header", "--no-annotate", "--python-platform", platform, "--python-version", python)
    return run(find_uv_bin(), "pip", "compile", *options, *wheels, *lists, MACOSX_DEPLOYMENT_TARGET="14.0")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Skips where the registry cannot be reached."""
    one = tmp_path_factory.mktemp("registry") / "one.txt"
    one.write_text("iniconfig\n")
    answer = compile_pins("x86_64-manylinux_2_28", "3.11", str(one))
    if answer.returncode:
        pytest.skip(f"the package registry cannot be reached: {answer.stderr.strip().splitlines()[-1]}")


@pytest.mark.slow
@pytest.mark.parametrize("python", [f"{major}.{minor}" for major, minor in lock.PYTHONS])
@pytest.mark.parametrize("platform", UV_PLATFORMS)
def test_registry_has_wheels_of_all_pins_that_fit_together(platform, python, registry):
    """With a GPU, that is with all that the registry's build of torch requires: CUDA's libraries and one triton."""
    done = compile_pins(platform, python, "constraints.txt", "install/constraints-cuda.txt")
    assert done.returncode == 0, done.stderr
    found, expected = lock.pins(done.stdout), lock.present_pins()
    if not UV_PLATFORMS[platform]:
        expected = {
            name: version for name, version in expected.items() if name != "triton" and not lock.OF_CUDA.match(name)
        }
    assert found == expected
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1]["pip"]
    assert set(map(str, map(Requirement, conda))) >= {f"{name}=={found[name]}" for name in DIRECT if name != "triton"}


@pytest.mark.slow
def test_registry_refuses_another_triton(registry, tmp_path):
    """The fault of old: torch 2.13.0 with triton 3.9.0. So the test above can fail."""
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("torch==2.13.0\ntriton==3.9.0\n")
    done = compile_pins("x86_64-manylinux_2_28", "3.11", str(wrong))
    assert done.returncode and "triton==3.7.1" in done.stderr
    assert compile_pins("aarch64-apple-darwin", "3.11", str(wrong)).returncode, "triton has no wheel for macOS"


@pytest.mark.slow
def test_the_command_would_write_the_pins_again(registry):
    found = lock.resolve_pins(lock.present_pins())
    assert {
        name: version for lines in found.values() for name, version in lock.pins("\n".join(lines)).items()
    } == lock.present_pins()
    listed = set(re.findall(r"sha256:[0-9a-f]{64}", "".join(LISTS.values())))
    assert listed <= set(re.findall(r"sha256:[0-9a-f]{64}", str(found))), "a listed file is no longer in the registry"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="pip reads markers for the machine that it runs on")
def test_pip_resolves_the_lists_with_cuda(registry, tmp_path):
    """pip itself, without a local wheel: a dry run of what `make setup` does on a machine with a GPU, dependencies
    followed and hashes required."""
    lists = ("-r", "constraints.txt", "-r", "install/constraints-cuda.txt")
    done = run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--report",
        str(tmp_path / "r.json"),
        *lists,
    )
    assert done.returncode == 0, done.stderr
    installed = yaml.safe_load((tmp_path / "r.json").read_text(encoding="utf-8"))["install"]  # JSON is YAML
    found = {
        package["metadata"]["name"].lower().replace("_", "-").replace(".", "-"): package["metadata"]["version"]
        for package in installed
    }
    assert found == lock.present_pins()
    assert not [
        package["download_info"]["url"] for package in installed if package["download_info"]["url"].startswith("file:")
    ]
