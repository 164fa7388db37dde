"""The command line `plot` of the public folders: results/public/<stem>.csv in, picture and table for people out."""

import argparse

from experiments.public.folders import PROFILE
from experiments.style.stage import Draw, Table, plot_stage
from profiles.paths import Paths
from profiles.profile import run_command


def plot_public(stem: str, draw: Draw, table: Table | None = None) -> None:
    """`python -m experiments.public.<stem>.plot`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(PROFILE)
        for path in plot_stage(paths, stem, draw, table):
            print(path.relative_to(paths.root))

    run_command(main, argparse.ArgumentParser(description=draw.__doc__))
