"""`python -m experiments.public`: bring the public tables here, or list them.

python -m experiments.public list               each table: repository, pinned revision, licence, whether it is here
python -m experiments.public fetch [NAME ...]   download the pinned files, assemble the tables, check their content
"""

import argparse
import gzip
import hashlib
import urllib.error
import urllib.parse
import urllib.request

from files.atomic import atomic_write
from profiles.paths import ROOT
from profiles.profile import run_command
from public_tables.assemble import ASSEMBLERS
from public_tables.sources import SOURCES, PublicSource
from public_tables.table import FOLDER, pinned_content, public_folder

MIRROR = "https://raw.githubusercontent.com"
SECONDS = 60


def list_sources() -> None:
    """Print one line per table."""
    folder = public_folder()
    for name, source in SOURCES.items():
        try:
            pinned_content(name)
            state = "here"
        except ValueError as error:
            state = "absent" if not (folder / source.file).exists() else f"not usable: {error}"
        print(f"{name}: {source.file}, {source.about}; {source.address}, {source.licence}; {state}")


def fetch(names: list[str], mirror: str) -> None:
    """Download, assemble and write the named tables (default: all that are not here) into public_data/."""
    if unknown := [name for name in names if name not in SOURCES]:
        raise ValueError(f"{unknown[0]}: no public table; use some of {', '.join(SOURCES)}")
    folder = ROOT / FOLDER
    for name in names or SOURCES:
        source = SOURCES[name]
        if name not in ASSEMBLERS:
            print(
                f"{source.file}: not fetched, it was assembled by hand from {', '.join(source.paths)} of"
                f" {source.repository}; set PUBLIC_DATA to a folder that holds it"
            )
        elif (folder / source.file).exists():
            pinned_content(name, folder)
            print(f"{FOLDER}/{source.file}: here, as pinned")
        else:
            made = assembled(name, mirror)
            atomic_write(folder / source.file, gzip.compress(made, mtime=0) if source.file.endswith(".gz") else made)
            print(f"{FOLDER}/{source.file}: {len(made):,} bytes, as pinned; {source.repository}, {source.licence}")


def assembled(name: str, mirror: str) -> bytes:
    """The content of a table from its upstream files; ValueError where it is not the pinned one."""
    source = SOURCES[name]
    made = ASSEMBLERS[name]({path: download(source, path, mirror) for path in source.paths})
    pinned = source.fetched_sha256 or source.sha256
    if (checksum := hashlib.sha256(made).hexdigest()) != pinned:
        raise ValueError(
            f"{source.file}: assembled content has sha256 {checksum[:12]}, public_tables/sources.py pins {pinned[:12]};"
            f" is {mirror} what it says?"
        )
    return made


def download(source: PublicSource, path: str, mirror: str) -> bytes:
    """One file of the pinned revision; ValueError that names address and remedy where it cannot be had."""
    address = f"{mirror}/{source.repository}/{source.revision}/{urllib.parse.quote(path)}"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise ValueError(
            f"{address}: cannot be downloaded ({error}); try again with a network, or set PUBLIC_DATA to a folder that"
            f" holds {source.file}"
        ) from None


def main(arguments: argparse.Namespace) -> None:
    """Run the chosen action."""
    if arguments.action == "list":
        list_sources()
    else:
        fetch(arguments.names, arguments.mirror)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m experiments.public", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["list", "fetch"])
    parser.add_argument("names", nargs="*", help="tables (default: all)")
    parser.add_argument("--mirror", default=MIRROR, help="address that serves <owner>/<name>/<revision>/<path>")
    run_command(main, parser)
