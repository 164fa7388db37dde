"""Paper P on Pythia, drawn from results/public/ext_public_pass_rates.csv."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from experiments.public.drawing import plot_public
from experiments.style import plotting

STEM = "ext_public_pass_rates"


def draw(results: pd.DataFrame):
    """Held-out sizes, errors of prediction, the grid over tokens, item losses."""
    figure, style = plotting.new_figure(6.2), plotting.Style(results)
    axes = plotting.grid(figure, 2, 2)
    _sizes(axes[0, 0], results)
    _errors(axes[0, 1], results)
    _grid(axes[1, 0], results, style)
    _assist(axes[1, 1], results)
    plotting.legend(
        figure,
        "Paper P on real Pythia models: the law predicts too high, one hit is luck",
        plotting.size_handles(style),
    )
    plotting.footnote(
        figure,
        "128 items each; passes of 2407.21787 and 2502.17578. Errors: interval over items. GSM8K grid: mean rate of a"
        " beta-binomial fit to unequal attempts; floor: untrained models.",
    )
    return figure


def _sizes(ax: Axes, results: pd.DataFrame) -> None:
    points = results[results.kind == "set"].sort_values("loss_nats")
    ax.errorbar(
        points.loss_nats,
        points.value,
        yerr=[points.value - points.low, points.high - points.value],
        fmt="o",
        color="#12343b",
        markersize=4,
    )
    ax.set(xscale="log", yscale="log", xlabel="parameters", ylabel="pass rate")
    ax.set_title("MATH, 10,000 attempts an item", loc="left", fontweight="bold")


def _errors(ax: Axes, results: pd.DataFrame) -> None:
    rows = results[(results.metric == "prediction_error")].reset_index(drop=True)
    place = np.arange(len(rows))[::-1]
    ax.errorbar(
        100 * rows.value,
        place,
        xerr=[100 * (rows.value - rows.low), 100 * (rows.high - rows.value)],
        fmt="o",
        color="#c8405a",
        markersize=4,
    )
    ax.axvspan(-20, 20, color="#8a8a8a", alpha=0.2, linewidth=0)
    ax.axvline(0, color="#8a8a8a", linewidth=0.8)
    ax.set_yticks(place, [f"{row.size}, {row.series}" for row in rows.itertuples()], fontsize=6.5)
    ax.set_xlabel("predicted over measured, %; band: criterion")
    ax.set_title("Held-out sizes", loc="left", fontweight="bold")


def _grid(ax: Axes, results: pd.DataFrame, style: plotting.Style) -> None:
    rows = results[
        (results.metric == "mean_pass_rate") & (results.task == "gsm8k") & results.status.str.startswith("ok")
    ]
    for size, one in rows.groupby("size"):
        color, marker = style[size]
        ax.errorbar(
            one.tokens_seen,
            one.value,
            yerr=[one.value - one.low, one.high - one.value],
            fmt=f"{marker}-",
            color=color,
            markersize=3.5,
            linewidth=0.7,
        )
    floor = results[(results.metric == "guessing_floor") & (results.task == "gsm8k")].iloc[0]
    ax.axhline(floor.value, color="#8a8a8a", linestyle=(0, (4, 2)))
    ax.set(xscale="log", yscale="log", xlabel="tokens", ylabel="mean pass rate")
    ax.set_title("GSM8K along training; dashed: guessing floor", loc="left", fontweight="bold")


def _assist(ax: Axes, results: pd.DataFrame) -> None:
    rows = results[results.metric == "assist_rank_correlation"].reset_index(drop=True)
    place = np.arange(len(rows))[::-1]
    ax.errorbar(
        rows.value, place, xerr=[rows.value - rows.low, rows.high - rows.value], fmt="o", color="#2e86ab", markersize=4
    )
    ax.axvspan(-1, -0.8, color="#8a8a8a", alpha=0.2, linewidth=0)
    ax.set_xlim(-1, 0.3)
    ax.set_yticks(place, rows.run.str.removeprefix("Pythia_").str.replace("_", ", "), fontsize=7)
    ax.set_xlabel("rank correlation of item loss and pass rate; band: criterion")
    ax.set_title("GSM8K: does the test loss assist?", loc="left", fontweight="bold")


if __name__ == "__main__":
    plot_public(STEM, draw)
