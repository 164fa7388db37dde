"""The two command lines every experiment folder has: `measure` (scores in, results.csv out) and `plot` (results.csv in,
picture out)."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.style.plotting import house_style, save
from experiments.tables.scores import add_lineage, load_scores, read_results, write_results
from files.atomic import atomic_write
from profiles.profile import Paths, add_profile_option, load_profile, run_command

Measure = Callable[[pd.DataFrame, Paths], list[pd.DataFrame | list[dict]]]
Load = Callable[[Paths], pd.DataFrame]
Draw = Callable[[pd.DataFrame], Figure]
Table = Callable[[pd.DataFrame], str]


def ladder_scores(paths: Paths) -> pd.DataFrame:
    """The scores of the ladder with the lineage of each run: what the folders of paper L measure."""
    return add_lineage(load_scores(paths.scores), paths.runs_table)


def no_table(paths: Paths) -> pd.DataFrame:
    """For a folder that measures no model."""
    return pd.DataFrame()


def measure_stage(paths: Paths, stem: str, measure: Measure, load: Load = ladder_scores) -> pd.DataFrame:
    """Run one folder's measure on the profile's table and write its results.csv; returns the table."""
    return write_results(paths.results_csv(stem), measure(load(paths), paths))


def plot_stage(paths: Paths, stem: str, draw: Draw, table: Table | None = None) -> list[Path]:
    """Draw one folder's results.csv, and write its table as markdown beside the figure where it has one; returns the
    files."""
    source, figure_path = paths.results_csv(stem), paths.figure(stem)
    results = read_results(source)
    with house_style():
        try:
            figure, text = draw(results), table(results) if table else None
        except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ValueError(
                f"{source}: does not hold what its figure draws ({reason}); run the measure step of {stem} again"
            ) from error
        save(figure, figure_path)
    if text is None:
        return [figure_path]
    table_path = figure_path.with_suffix(".md")
    atomic_write(table_path, text.encode())
    return [figure_path, table_path]


def measure_main(stem: str, measure: Measure, load: Load = ladder_scores) -> None:
    """`python -m experiments.<stem>.measure --profile P`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(load_profile(arguments.profile).name)
        table = measure_stage(paths, stem, measure, load)
        print(
            f"{_shown(paths, paths.results_csv(stem))}: {len(table)} rows, {(table.kind == 'statistic').sum()}"
            " statistics"
        )

    run_command(main, _parser(measure.__doc__))


def plot_main(stem: str, draw: Draw, table: Table | None = None) -> None:
    """`python -m experiments.<stem>.plot --profile P`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(load_profile(arguments.profile).name)
        for path in plot_stage(paths, stem, draw, table):
            print(_shown(paths, path))

    run_command(main, _parser(draw.__doc__))


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    add_profile_option(parser)
    return parser


def _shown(paths: Paths, path: Path) -> Path:
    return path.relative_to(paths.root)
