"""The command line `plot` of the public folders: results/public/<stem>.csv in, picture and table for people out."""

import argparse
from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from experiments.public.folders import PROFILE
from experiments.style import plotting
from experiments.style.axes import loss_axis
from experiments.style.markdown import number
from experiments.style.stage import Draw, Table, plot_stage
from profiles.paths import Paths
from profiles.profile import run_command
from public_tables.benchmarks import BENCHMARKS

MIN_TICKS = 3


def plot_public(stem: str, draw: Draw, table: Table | None = None) -> None:
    """`python -m experiments.public.<stem>.plot`."""

    def main(arguments: argparse.Namespace) -> None:
        paths = Paths(PROFILE)
        for path in plot_stage(paths, stem, draw, table):
            print(path.relative_to(paths.root))

    run_command(main, argparse.ArgumentParser(description=draw.__doc__))


def draw_loss_panels(
    results: pd.DataFrame, heading: str, loss: str, text: str, note: Callable[[pd.DataFrame], str], num_columns: int = 5
) -> Figure:
    """One panel per benchmark in the order of the table: checkpoints against loss, one colour and marker per size,
    chance, and a note made of the task's statistics (indexed by metric). `text` goes below the panels."""
    points, style = results[results.kind == "checkpoint"], plotting.Style(results)
    tasks = list(points.task.unique())
    num_rows = -(-len(tasks) // num_columns)
    figure = plotting.new_figure(1.2 + 2.35 * num_rows)
    axes = plotting.grid(figure, num_rows, num_columns, sharex=True)
    for ax, task in zip(axes.flat, tasks, strict=False):
        one, about = points[points.task == task], BENCHMARKS[task]
        plotting.draw_points(ax, one, style, size=3.2, alpha=0.75)
        plotting.draw_chance(ax, about.chance)
        plotting.note(ax, note(results[(results.kind == "statistic") & (results.task == task)].set_index("metric")))
        ax.set_label(task)
        ax.set_title(about.name, loc="left", fontweight="bold")
        low, high = min(one.value.min(), about.chance), one.value.max()
        ax.set_ylim(low - 0.04 * (high - low), high + 0.3 * (high - low))
        loss_axis(ax, points.loss_nats)
        if len(ax.get_xticks()) < MIN_TICKS:  # a range too short for the usual ticks
            low, high = points.loss_nats.min(), points.loss_nats.max()
            ax.set_xticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    for ax in axes.flat[len(tasks) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel(loss)
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    plotting.legend(figure, heading, [*plotting.size_handles(style), plotting.chance_handle()])
    plotting.footnote(figure, text)
    return figure


def points_text(row: pd.Series) -> str:
    """A difference at equal loss in points with its interval, or why there is none."""
    return number(row, 100.0, 1)
