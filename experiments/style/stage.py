"""The command line `plot` of every experiment folder: statistics in, a picture and a table for people out."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.style.markdown import markdown_table
from experiments.style.plotting import house_style, save
from experiments.tables.results import read_results
from files.atomic import atomic_write
from profiles.paths import Paths
from profiles.profile import add_profile_option, load_profile, run_command

Draw = Callable[[pd.DataFrame], Figure]
Table = Callable[[pd.DataFrame], str]


def plot_stage(paths: Paths, stem: str, draw: Draw, table: Table | None = None) -> list[Path]:
    """Draw one folder's results, and write beside the figure its table for people, by default its statistics; returns
    the files."""
    source, figure_path = paths.results_csv(stem), paths.figure(stem)
    results = read_results(source)
    with house_style():
        try:
            figure, text = draw(results), (table or statistics_table)(results)
        except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ValueError(
                f"{source}: does not hold what its figure draws ({reason}); run the measure step of {stem} again"
            ) from error
        save(figure, figure_path)
    table_path = figure_path.with_suffix(".md")
    atomic_write(table_path, text.encode())
    return [figure_path, table_path]


def statistics_table(results: pd.DataFrame) -> str:
    """What a folder's claims are judged by, as a markdown table: the figure in numbers."""
    rows = [
        [
            row.task or "all",
            row.metric,
            number_or_none(row.value),
            "" if pd.isna(row.low) else f"{number_or_none(row.low)} to {number_or_none(row.high)}",
            row.status or "ok",
        ]
        for row in results[results.kind == "statistic"].itertuples()
    ]
    return markdown_table(["task", "statistic", "value", "95 % interval", "how it went"], rows)


def number_or_none(value: float) -> str:
    """Three significant digits, or a word where there is no number."""
    return "none" if pd.isna(value) else f"{value:.3g}"


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
