"""Paper P, Figure 4, drawn from results.csv."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import ALL_TASKS, LAW_TASKS, MATHS_TASKS, series_names

STEM = "passuntil_fig4_task_law"
PANELS = (LAW_TASKS, (*MATHS_TASKS, "alpha"))
LENGTH_COLOR = "#c8405a"
MAX_ALPHA_BAR = 3.0  # bars of exponents that are hardly known end here, times the largest estimate
GROWTH_WORDS = {"scaling law not rejected": "no bend"}
NOTE_WIDTH = 44  # characters
TOP_ROOM = 0.9  # of F above the highest rate, for the note


def draw(results: pd.DataFrame) -> Figure:
    """Pass rate against size on the axes that make the task law straight, with its band, held-out sizes, and the
    exponents of all tasks."""
    style = plotting.Style(results)
    points = results[(results.kind == "checkpoint") & (results.metric == "pass_rate")]
    series = series_names(points)
    figure = plotting.new_figure(7.4)
    axes = figure.subplot_mosaic([list(row) for row in PANELS])
    for task in (*LAW_TASKS, *MATHS_TASKS):
        ax, one = axes[task], points[points.task == task]
        here = results[results.task == task]
        pass_plotting.size_axis(ax, one.num_parameters)
        pass_plotting.f_axis(ax, *_limits(one))
        pass_plotting.draw_chance_rate(ax, task)
        pass_plotting.draw_law(
            ax,
            here[here.metric == "length_law"].assign(low=np.nan),
            series,
            color=LENGTH_COLOR,
            linewidth=1.0,
            alpha=0.8,
        )
        pass_plotting.draw_law(ax, here[(here.kind == "fit") & (here.metric == "task_law")], series)
        pass_plotting.hold_out_ground(ax, one)
        pass_plotting.draw_exact(ax, here[here.metric == "exact_pass_rate"])
        pass_plotting.draw_rates(ax, one, style, series)
        pass_plotting.short_title(ax, task)
        plotting.note(ax, _summary(here, one))
        ax.set_xlabel(pass_plotting.SIZE_LABEL)
    for row in PANELS:
        axes[row[0]].set_ylabel("pass rate (axis linear in F)")
    _draw_alphas(axes["alpha"], results, series)
    plotting.legend(
        figure,
        "The task law: F = log(-log pass rate) against the logarithm of model size",
        [
            *plotting.size_handles(style, points["size"]),
            Line2D([], [], color=plotting.FIT_COLOR, linewidth=1.1, label="law, 95 %"),
            Line2D([], [], color=LENGTH_COLOR, linewidth=1.0, label="with |y|"),
            pass_plotting.exact_handle(),
            plotting.chance_handle(),
            pass_plotting.held_out_handle(),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        "Fitted without the held-out sizes; the band is for a new run; off by: measured minus predicted F at the"
        " largest size. Bars: 95 % intervals of the mean over these items; arrows: no pass. |y|: Eq. 3 with the"
        " answer's length. Bend: quadratic term over all sizes, p corrected for the five tasks (Holm). Chance: a"
        " guesser who knows the answer's form. Exponents with 95 % intervals; paper P prints none.",
    )
    return figure


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    """From the lowest rate or upper bound to above the highest rate."""
    shown = np.concatenate(
        [points.value[points.value > 0], points.low[points.low > 0], points.high[points.value == 0] / 4]
    )
    shown = np.clip(shown, pass_plotting.SMALLEST_SHOWN, 0.999)
    top = np.exp(-np.exp(np.log(-np.log(min(points.high.max(), 0.999))) - TOP_ROOM))
    return (float(shown.min()) ** 1.1 if len(shown) else 1e-6), float(top)


def _summary(here: pd.DataFrame, points: pd.DataFrame) -> str:
    statistics = here[here.kind == "statistic"].set_index("metric")
    growth, predicted = here[here.kind == "growth"], here[here.kind == "prediction"]
    error = statistics.loc["held_out_error_share"]
    reason = textwrap.fill("no law: " + error.status.removeprefix("failed: "), NOTE_WIDTH)
    words = [f"off by {number(error, 100, 0)} % of F's range" if error.status.startswith("ok") else reason]
    if predicted.value.notna().any():
        words.append(f"{int(predicted.num_inside.sum())} of {int(predicted.num_runs.sum())} held-out runs in the band")
    words += ["; ".join(_growth_text(row) for row in growth.itertuples())]
    return "\n".join([*words, pass_plotting.censored_note(points)]).strip()


def _growth_text(row) -> str:
    if not np.isfinite(row.p_holm):
        return "bend not testable"
    return f"{GROWTH_WORDS.get(row.status, row.status)} (p {row.p_holm:.2g})"


def _draw_alphas(ax, results: pd.DataFrame, series: list[str]) -> None:
    alphas = results[(results.kind == "series_statistic") & (results.metric == "alpha")]
    largest = alphas.value.max() if alphas.value.notna().any() else 1.0
    pass_plotting.draw_by_task(
        ax,
        alphas.assign(status=alphas.status.str.split(":").str[0]),
        ALL_TASKS,
        series,
        (-largest, MAX_ALPHA_BAR * largest),
        "no law",
    )
    spread = results[(results.kind == "statistic") & (results.metric == "alpha_spread_share")].iloc[0]
    ax.set_title("exponent alpha of each task", loc="left", fontweight="bold", pad=14)
    ax.text(
        0,
        1.02,
        f"spread over tasks {number(spread, 100, 0)} % of their mean",
        transform=ax.transAxes,
        fontsize=7,
        color="#666666",
        va="bottom",
    )
    ax.axvline(0, color=plotting.CHANCE_COLOR, linewidth=0.8)
    ax.set_xlabel("alpha")


if __name__ == "__main__":
    plot_main(STEM, draw)
