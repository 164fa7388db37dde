"""The command line `measure` of every experiment folder: tables of the ladder in, statistics out."""

import argparse
from collections.abc import Callable

import pandas as pd

from experiments.tables.results import write_results
from experiments.tables.scores import add_lineage, load_scores
from profiles.paths import Paths
from profiles.profile import add_profile_option, load_profile, run_command

Measure = Callable[[pd.DataFrame, Paths], list[pd.DataFrame | list[dict]]]
Load = Callable[[Paths], pd.DataFrame]


def ladder_scores(paths: Paths) -> pd.DataFrame:
    """The scores of the ladder with the lineage of each run: what the folders of paper L measure."""
    return add_lineage(load_scores(paths.scores), paths.runs_table("loss"))


def no_table(paths: Paths) -> pd.DataFrame:
    """For a folder that measures no model."""
    return pd.DataFrame()


def measure_stage(paths: Paths, stem: str, measure: Measure, load: Load = ladder_scores) -> pd.DataFrame:
    """Run one folder's measure on the profile's table and write its results.csv; returns the table."""
    return write_results(paths.results_csv(stem), measure(load(paths), paths))


def measure_main(stem: str, measure: Measure, load: Load = ladder_scores) -> None:
    """`python -m experiments.<stem>.measure --profile P`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(load_profile(arguments.profile).name)
        table = measure_stage(paths, stem, measure, load)
        print(
            f"{paths.results_csv(stem).relative_to(paths.root)}: {len(table)} rows, {(table.kind == 'statistic').sum()}"
            " statistics"
        )

    parser = argparse.ArgumentParser(description=measure.__doc__)
    add_profile_option(parser)
    run_command(main, parser)
