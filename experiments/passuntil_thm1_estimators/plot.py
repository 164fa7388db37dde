"""Paper P, Theorem 1, drawn from results.csv."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, PercentFormatter

from experiments.style import plotting
from experiments.style.markdown import markdown_table
from experiments.style.stage import plot_main

STEM = "passuntil_thm1_estimators"
TARGET_COLORS = {1: "#c8405a", 2: "#ef7d57", 5: "#8e5aa8", 10: "#2e86ab"}
INTERVALS = {
    "exact": ("exact", "#12343b", "o"),
    "likelihood_order": ("likelihood order (recommended)", "#c8405a", "P"),
    "mid_p": ("mid-P", "#2e86ab", "s"),
    "likelihood": ("likelihood ratio", "#8e5aa8", "D"),
    "normal": ("normal around r/K", "#ef7d57", "^"),
}
BAND = (0.94, 0.96)  # paper/claims.yaml, recommended_interval
LOWEST_SHOWN = 0.8
BIAS_TICKS = (1, 1.5, 2, 4, 8, 12)
TABLE_RATES = (1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5)
RATE_LABEL = "true pass rate"


def draw(results: pd.DataFrame) -> Figure:
    """Bias of the estimators (left), coverage of the intervals at r = 10 (middle) and at r = 2 (right), over the pass
    rate."""
    cells = results[results.kind == "simulation"]
    figure = plotting.new_figure(4.3)
    bias, recommended, small = plotting.grid(figure, 1, 3)[0]
    _draw_bias(bias, cells)
    for ax, target in ((recommended, 10), (small, 2)):
        _draw_coverage(ax, cells, target)
    plotting.legend(
        figure,
        "Estimating a pass rate from attempts until the r-th pass, at most 100 000",
        [
            *[
                Line2D([], [], color=color, marker="o", markersize=4.5, label=f"r/K, r = {target}")
                for target, color in TARGET_COLORS.items()
            ],
            *[
                Line2D([], [], color=color, marker=marker, markersize=4.5, label=name)
                for name, color, marker in INTERVALS.values()
            ],
        ],
    )
    worst = results[results.metric == "simulation_z"].iloc[0].value
    plotting.footnote(
        figure,
        "Points: 10 000 simulated replicates with their 95 % interval; lines: the exact expectation over all outcomes "
        f"(largest deviation {worst:.1f} standard errors). Hollow: fewer than 5 passes expected before the cap. "
        "Grey band: 94 to 96 %. Triangles at the lower edge lie below it.",
    )
    return figure


def _draw_bias(ax: Axes, cells: pd.DataFrame) -> None:
    for target, color in TARGET_COLORS.items():
        part = cells[(cells.metric == "bias_ratio") & (cells.num_target == target)]
        ax.plot(part.pass_rate, part.exact + 1, color=color, linewidth=1.1)
        ax.errorbar(
            part.pass_rate,
            part.value + 1,
            yerr=[part.value - part.low, part.high - part.value],
            fmt="o",
            color=color,
            markersize=4,
            elinewidth=0.8,
        )
    unbiased = cells[(cells.metric == "bias_unbiased") & (cells.num_target == 10)]
    ax.plot(
        unbiased.pass_rate, unbiased.value + 1, linestyle="none", marker="x", markersize=4.5, color=plotting.FIT_COLOR
    )
    ax.axhline(1.0, color=plotting.CHANCE_COLOR, linestyle=(0, (4, 2)), linewidth=1.0)
    ax.set_yscale("log")
    ax.set_ylim(0.85, 16)
    ax.yaxis.set_major_locator(FixedLocator(BIAS_TICKS))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("mean estimate over true pass rate")
    ax.set_title("bias; crosses: (r - 1)/(K - 1), r = 10", loc="left")
    _rate_axis(ax)


def _draw_coverage(ax: Axes, cells: pd.DataFrame, target: int) -> None:
    ax.axhspan(*BAND, color="#d9d9d9", alpha=0.6, linewidth=0, zorder=0)
    ax.axhline(0.95, color=plotting.CHANCE_COLOR, linewidth=0.9, zorder=1)
    for name, (_, color, marker) in INTERVALS.items():
        part = cells[(cells.metric == f"coverage_{name}") & (cells.num_target == target)]
        ax.plot(part.pass_rate, part.exact.clip(lower=LOWEST_SHOWN), color=color, linewidth=0.9, alpha=0.8, zorder=2)
        shown = part[part.value >= LOWEST_SHOWN]
        ax.errorbar(
            shown.pass_rate,
            shown.value,
            yerr=[shown.value - shown.low, shown.high - shown.value],
            fmt="none",
            ecolor=color,
            elinewidth=0.7,
            alpha=0.4,
        )
        for is_few, face in ((False, color), (True, "white")):
            points = shown[(shown.expected_passes < 5) == is_few]
            ax.plot(
                points.pass_rate,
                points.value,
                linestyle="none",
                marker=marker,
                markersize=4.2,
                color=color,
                markerfacecolor=face,
                zorder=3,
            )
        below = part[part.value < LOWEST_SHOWN]
        ax.plot(
            below.pass_rate,
            [LOWEST_SHOWN + 0.004] * len(below),
            linestyle="none",
            marker="v",
            markersize=4.5,
            color=color,
            zorder=3,
        )
    ax.set_ylim(LOWEST_SHOWN, 1.005)
    ax.yaxis.set_major_locator(FixedLocator([0.8, 0.85, 0.9, 0.95, 1.0]))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_ylabel("coverage of the 95 % interval")
    ax.set_title(f"coverage, stopping at r = {target}", loc="left")
    _rate_axis(ax)


def _rate_axis(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_xlabel(RATE_LABEL)


def table(results: pd.DataFrame) -> str:
    """Mean over true rate and relative error of the estimators, and coverage of the intervals, per design, at six pass
    rates (exact values)."""
    cells = results[results.kind == "simulation"]
    rows = []
    names = {
        "bias_ratio": ("mean of r/K over p", 1.0, 1.0),
        "bias_unbiased": ("mean of (r-1)/(K-1) over p", 1.0, 1.0),
        "error_ratio": ("relative error of r/K", 1.0, 0.0),
        "error_unbiased": ("relative error of (r-1)/(K-1)", 1.0, 0.0),
        "error_fixed": ("relative error of x/K", 1.0, 0.0),
        "coverage_exact": ("exact interval, %", 100.0, 0.0),
        "coverage_likelihood_order": ("likelihood-order interval, %", 100.0, 0.0),
        "coverage_mid_p": ("mid-P interval, %", 100.0, 0.0),
        "coverage_likelihood": ("likelihood interval, %", 100.0, 0.0),
        "coverage_normal": ("normal interval, %", 100.0, 0.0),
    }
    for target in (*TARGET_COLORS, 0):
        for metric, (name, factor, shift) in names.items():
            part = cells[(cells.num_target == target) & (cells.metric == metric)].set_index("pass_rate").exact
            if len(part):
                shown = [f"{factor * part.loc[rate] + shift:.{1 if factor == 100 else 2}f}" for rate in TABLE_RATES]
                rows.append([f"r = {target}" if target else "fixed K, same cost as r = 10", name, *shown])
    return markdown_table(["design", "quantity", *(f"p = {rate:g}" for rate in TABLE_RATES)], rows)


if __name__ == "__main__":
    plot_main(STEM, draw, table)
