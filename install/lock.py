"""Writes constraints.txt and install/constraints-*.txt from pyproject.toml: the tested pins with the hashes of their
files.

    python install/lock.py              # pins stay as they are as far as pyproject.toml's ranges allow
    python install/lock.py --upgrade    # the newest releases that the ranges allow

uv resolves for all tested platforms and Pythons at once, by the registry's own metadata (no wheel of this machine is
looked at). Of each package the files that these platforms can use are listed, the source only where some platform has
no wheel. Parts that not every machine needs, or that come first, go into files of their own, because `pip install -r`
installs all that it reads. The CPU builds of torch are not in the registry: install/torch_cpu_wheels.txt lists their
hashes.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging import tags
from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
LOCK, CPU_WHEELS = ROOT / "constraints.txt", ROOT / "install/torch_cpu_wheels.txt"
BUILD_LOCK, CPU_LOCK, CUDA_LOCK = (ROOT / f"install/constraints-{part}.txt" for part in ("build", "cpu", "cuda"))
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
ENVIRONMENTS = [
    "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "sys_platform == 'darwin' and platform_machine == 'arm64'",
]
OLDEST_MACOS = (14, 0)
NEWEST_GLIBC = 36  # Debian 12's is 2.36
LEGACY_TAGS = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
OF_CUDA = re.compile(r"(nvidia|cuda)-")
TITLES = {
    LOCK: (
        "All packages of the tested environment with the hashes of their files, for `pip install --require-hashes"
        " --no-deps -r` (`make setup`)."
    ),
    BUILD_LOCK: "What builds the packages that have no wheel (antlr4-python3-runtime), installed first.",
    CPU_LOCK: "The CPU build of torch, a fifth of the registry's build with CUDA's libraries.",
    CUDA_LOCK: "CUDA's libraries, which the registry's build of torch for Linux needs and its CPU build does not.",
}


def platforms() -> dict[str, list[str]]:
    """Marker of an environment -> platform tags of wheels that work there."""
    linux = {
        machine: (
            [f"manylinux_2_{minor}_{machine}" for minor in range(5, NEWEST_GLIBC + 1)]
            + [f"{tag}_{machine}" for tag in LEGACY_TAGS]
        )
        for machine in ("x86_64", "aarch64")
    }
    return dict(
        zip(
            ENVIRONMENTS,
            (linux["x86_64"], linux["aarch64"], list(tags.mac_platforms(OLDEST_MACOS, "arm64"))),
            strict=True,
        )
    )


def tags_that_work() -> list[set[tags.Tag]]:
    """One set of wheel tags per tested platform and Python."""
    return [
        {*tags.cpython_tags(python, platforms=names), *tags.compatible_tags(python, f"cp{python[0]}{python[1]}", names)}
        for names in platforms().values()
        for python in PYTHONS
    ]


def usable_hashes(wheels: dict[str, str], source: str | None) -> list[str]:
    """Hashes of the wheels (file name -> hash) that some tested platform can use, and the source's where some has no
    wheel."""
    names = {name: parse_wheel_filename(name)[3] for name in wheels}
    wanted = tags_that_work()
    kept = [wheels[name] for name, given in names.items() if any(given & works for works in wanted)]
    covered = all(any(given & works for given in names.values()) for works in wanted)
    return sorted(kept + ([source] if source and not covered else []))


def cpu_wheel_hashes(version: str) -> list[str]:
    """Hashes of the CPU builds of one version of torch, as install/torch_cpu_wheels.txt lists them; ValueError where it
    lists none."""
    lines = [line.split() for line in CPU_WHEELS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    hashes = [f"sha256:{digest}" for digest, name in lines if name.startswith(f"torch-{version}+cpu-")]
    if not hashes:
        raise ValueError(
            f"{CPU_WHEELS.relative_to(ROOT)}: no wheel of torch {version}; add those of"
            " https://download.pytorch.org/whl/cpu/torch/"
        )
    return hashes


def requirements() -> list[str]:
    """Direct dependencies and those of development, as pyproject.toml gives them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [f"python {project['requires-python']}", *project["dependencies"], *project["optional-dependencies"]["dev"]]


def digest(lines: list[str]) -> str:
    """What a list says of its origin and of its own lines, so that an edit by hand is seen without a network."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def inputs_digest() -> str:
    """Digest of what the lists are made from."""
    return digest([*requirements(), CPU_WHEELS.read_text(encoding="utf-8")])


def pins(text: str) -> dict[str, str]:
    """Name -> version of the entries of a list."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s\\]+)", text, re.MULTILINE))


def entry(pin: str, hashes: list[str], needed_by: list[str]) -> list[str]:
    """Lines of one package: who needs it, pin with marker, hashes."""
    lines = [pin, *(f"    --hash={value}" for value in hashes)]
    return [f"# for {', '.join(needed_by)}", *(f"{line} \\" for line in lines[:-1]), lines[-1]]


def cpu_entry(version: str) -> list[str]:
    """The entry of the CPU build of one version of torch."""
    return entry(f"torch=={version}+cpu ; sys_platform == 'linux'", cpu_wheel_hashes(version), ["emergence"])


def short_marker(marker: str | None) -> str:
    """The marker of an entry, said as shortly as the tested environments allow: nothing where it holds in all of
    them."""
    if not marker:
        return ""
    holds = {}
    for environment in ENVIRONMENTS:
        system, machine = re.findall(r"'(\w+)'", environment)
        names = {
            "sys_platform": system,
            "platform_system": system.capitalize(),
            "platform_machine": machine,
            "implementation_name": "cpython",
        }
        versions = [
            {"python_version": f"{major}.{minor}", "python_full_version": f"{major}.{minor}.0"}
            for major, minor in PYTHONS
        ]
        holds.setdefault(system, []).extend(Marker(marker).evaluate(names | version) for version in versions)
    if all(all(values) for values in holds.values()):
        return ""
    on_linux_alone = all(holds["linux"]) and not any(holds["darwin"])
    return " ; sys_platform == 'linux'" if on_linux_alone else f" ; {marker}"


def entries(exported: str, locked: dict) -> dict[str, list[str]]:
    """Name -> lines of its entry: pin with marker, hashes, and what needs it (uv's "via"). exported: requirements of
    `uv export`; locked: uv.lock."""
    files = {}
    for package in locked["package"]:
        wheels = {
            os.path.basename(wheel["url"]).replace("%2B", "+"): wheel["hash"] for wheel in package.get("wheels", [])
        }
        files[package["name"]] = usable_hashes(wheels, package.get("sdist", {}).get("hash"))
    found: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=[a-z0-9])", exported.strip()):
        name, version, marker = re.match(r"([a-z0-9.-]+)==([^ \\]+)(?: ; ([^\\]+?))? \\", block).groups()
        hashes = files[name] + (cpu_wheel_hashes(version) if name == "torch" else [])
        needed_by = sorted(set(re.findall(r"#(?: via)?\s+([a-z0-9.-]+)$", block, re.MULTILINE)) - {"via"})
        found[name] = entry(f"{name}=={version}{short_marker(marker)}", hashes, needed_by)
    return found


def run_uv(folder: str, *arguments: str) -> str:
    """What uv prints; SystemExit with its words where it fails."""
    from uv import find_uv_bin  # here, so that what needs no network needs no uv either

    done = subprocess.run(
        [find_uv_bin(), "--quiet", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"uv {arguments[0]}: pyproject.toml's ranges cannot be met\n{done.stderr}")
    return done.stdout


def resolve_pins(kept: dict[str, str]) -> dict[str, list[str]]:
    """Entries by uv, in a folder of its own. kept: pins that stay where the ranges and the packages' own metadata allow
    it.

    `uv pip compile` is the one that takes pins as wishes, `uv.lock` the one that names the file behind each hash: so
    the first chooses, the second is held to its choice."""
    python, *direct = requirements()
    project = (
        f'[project]\nname = "emergence"\nversion = "0"\nrequires-python = "{python.split()[1]}"\ndependencies ='
        f" {direct}\n"
    )
    project += f"[tool.uv]\npackage = false\nenvironments = {ENVIRONMENTS}\n"
    with tempfile.TemporaryDirectory() as folder:
        place, chosen = Path(folder, "pyproject.toml"), Path(folder, "chosen.txt")
        place.write_text(project, encoding="utf-8")
        chosen.write_text("".join(f"{name}=={version}\n" for name, version in kept.items()), encoding="utf-8")
        oldest = re.search(r"\d+\.\d+", python)[0]
        run_uv(
            folder,
            "pip",
            "compile",
            "--universal",
            "--no-annotate",
            "--python-version",
            oldest,
            "pyproject.toml",
            "-o",
            "chosen.txt",
        )
        versions = pins(chosen.read_text(encoding="utf-8"))
        place.write_text(
            f"{project}constraint-dependencies = {[f'{name}=={version}' for name, version in versions.items()]}\n",
            encoding="utf-8",
        )
        run_uv(folder, "lock")
        exported = run_uv(folder, "export", "--frozen", "--no-emit-project", "--no-header")
        return entries(exported, tomllib.loads(Path(folder, "uv.lock").read_text(encoding="utf-8")))


def present_pins() -> dict[str, str]:
    """Name -> version as both lists have them now."""
    return {
        name: version
        for path in (LOCK, CUDA_LOCK)
        if path.exists()
        for name, version in pins(path.read_text(encoding="utf-8").lower()).items()
    }


def write_list(path: Path, lines: list[str]) -> None:
    """A list with its title and the two digests."""
    title = [
        f"# {TITLES[path]}",
        "# Made by `python install/lock.py`, never by hand: pyproject.toml holds the ranges.",
        f"# from {inputs_digest()} lines {digest(lines)}",
    ]
    path.write_text("\n".join([*title, *lines, ""]), encoding="utf-8", newline="\n")


def main() -> None:
    """Resolve and write both lists."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="the newest releases that the ranges allow")
    found = resolve_pins({} if parser.parse_args().upgrade else present_pins())
    write_list(LOCK, [line for name, lines in found.items() if not OF_CUDA.match(name) for line in lines])
    write_list(BUILD_LOCK, found["setuptools"])
    write_list(CPU_LOCK, cpu_entry(pins("\n".join(found["torch"]))["torch"]))
    write_list(CUDA_LOCK, [line for name, lines in found.items() if OF_CUDA.match(name) for line in lines])
    print(f"{len(found)} packages in {LOCK.name} and {CUDA_LOCK.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
