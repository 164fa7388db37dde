"""`python -m tasks [--profile P]`: the items of a profile beside its corpus, and the manifests that make the data
whole."""

import argparse
import signal

from files.lock import exclusive
from profiles.paths import Paths
from profiles.profile import add_profile_option, data_plan, run_command
from tasks.build import build_items


def main(arguments: argparse.Namespace) -> None:
    """Write items and manifests. ValueError where the corpus is not there."""
    plan = data_plan(arguments.profile)
    with exclusive(Paths(arguments.profile).lock, f"profile {arguments.profile}"):
        corpus, passuntil = plan["corpus"], plan["passuntil_corpus"]
        build_items(
            plan["out"],
            corpus["world_seed"],
            corpus["mixture_name"],
            plan["num_items"],
            passuntil["series"],
            plan["passuntil_items"],
            corpus.get("further_mixtures", ()),
        )
    print(f"{plan['out']}: items and manifests written")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tasks", description=__doc__)
    add_profile_option(parser)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_command(main, parser)
