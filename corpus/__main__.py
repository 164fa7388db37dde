"""`python -m corpus [--profile P]`: the corpus part of a profile's data. `python -m tasks` adds the items and the
manifests; `python -m ladder data` does both and compares with what is committed."""

import argparse
import signal

from corpus.build import PASSUNTIL_FOLDER, build_corpus, build_passuntil_corpus
from files.atomic import remove_leftovers
from files.lock import exclusive
from profiles.paths import Paths
from profiles.profile import add_profile_option, data_plan, run_command


def main(arguments: argparse.Namespace) -> None:
    """Read the profile and build the corpus part of its data."""
    plan = data_plan(arguments.profile)
    with exclusive(Paths(arguments.profile).lock, f"profile {arguments.profile}"):
        out = plan["out"]
        remove_leftovers(out)
        build_corpus(out, **plan["corpus"])
        build_passuntil_corpus(out / PASSUNTIL_FOLDER, **plan["passuntil_corpus"])
    print(f"{out}: corpus written; `python -m tasks --profile {arguments.profile}` adds the items")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    add_profile_option(parser)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_command(main, parser)
