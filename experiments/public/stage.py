"""The command line `measure` of the public folders: public tables in, results/public/<stem>.csv out.

Where a table is absent, the committed results stay and one line says how to get it: the rest of the pipeline goes on.
"""

import argparse
from collections.abc import Callable, Mapping

import pandas as pd

from experiments.public.folders import PROFILE
from experiments.tables.results import write_results
from profiles.paths import Paths
from profiles.profile import run_command
from public_tables import difficulty, families, gadre, gemstones, olmo, passes, pythia
from public_tables.table import HOW, PublicTable, absent_tables, public_folder

READERS: dict[str, Callable[[], PublicTable]] = {
    "olmo": olmo.read_olmo,
    "pythia": pythia.read_pythia,
    "gadre": gadre.read_gadre,
    "gemstones": gemstones.read_gemstones,
    "dclm": families.read_dclm,
    "obsscaling": families.read_obsscaling,
    "math_attempts": passes.read_math_attempts,
    "pass_counts": passes.read_pass_counts,
    "reference_nll": passes.read_reference_nll,
    "difficulty": difficulty.read_difficulty,
}
Measure = Callable[[Mapping[str, PublicTable]], list[pd.DataFrame | list[dict]]]


def measured_public(paths: Paths, stem: str, names: tuple[str, ...], measure: Measure) -> pd.DataFrame | None:
    """Measure a folder from the named sources and write its results; None, with one line printed, where a table is
    absent and results are there. ValueError where neither is."""
    if absent := absent_tables(names):
        line = f"{stem}: {', '.join(absent)} not in {public_folder()}; get it by {HOW}"
        if not paths.results_csv(stem).exists():
            raise ValueError(line)
        print(f"{line}. The committed results stay.")
        return None
    tables = {name: READERS[name]() for name in names}
    for table in tables.values():
        for note in table.notes:
            print(f"{table.source.file}: {note}")
    sources = [table.source_row() for table in tables.values()]
    return write_results(paths.results_csv(stem), [sources, *measure(tables)])


def measure_public(stem: str, names: tuple[str, ...], measure: Measure) -> None:
    """`python -m experiments.public.<stem>.measure`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(PROFILE)
        table = measured_public(paths, stem, names, measure)
        if table is not None:
            shown = paths.results_csv(stem).relative_to(paths.root)
            print(f"{shown}: {len(table)} rows, {(table.kind == 'statistic').sum()} statistics")

    run_command(main, argparse.ArgumentParser(description=measure.__doc__))
