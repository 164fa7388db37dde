"""Paper P, Figure 3, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import ALL_TASKS, LAW_TASKS, series_names

STEM = "passuntil_fig3_loss_law"
CRITERION = 0.2  # paper/claims.yaml, answer_loss_no_floor
LOSS_LABEL = "validation loss (nats per token)"
MAX_SHARE = 1.05
NAME_ROOM = 9  # on the axis of sizes, behind the largest one, for the names of the tasks


def draw(results: pd.DataFrame) -> Figure:
    """Loss along training, the law of the final losses with its held-out sizes, the loss per answer token of each task
    and its irreducible part."""
    style = plotting.Style(results)
    points = results[(results.kind == "checkpoint") & (results.metric == "loss_nats")]
    series = series_names(points)
    figure = plotting.new_figure(7.4)
    axes = figure.subplot_mosaic([["training", "law"], ["answers", "floor"]])
    _draw_training(axes["training"], points, style, series)
    _draw_law(axes["law"], results, points[points.is_final.astype(bool)], style, series)
    _draw_answers(axes["answers"], results, style, series)
    _draw_floors(axes["floor"], results, series)
    plotting.legend(
        figure,
        "The loss of the series against model size, and the loss on the answers of the tasks",
        [
            *plotting.size_handles(style, points["size"]),
            Line2D([], [], color=plotting.FIT_COLOR, linewidth=1.1, label="law of the other sizes, 95 %"),
            pass_plotting.held_out_handle(),
            *pass_plotting.series_handles(series),
        ],
    )
    plotting.footnote(
        figure,
        "Answers: reference and stop mark, teacher-forced, over the items that any run passes; bars 95 % over items."
        " Irreducible part: L_inf of the power law over all sizes, over the smallest model's loss, 95 % interval;"
        " dotted: the criterion for the three tasks of paper P. Paper P's loss curves exist only as pictures.",
    )
    return figure


def _draw_training(ax, points: pd.DataFrame, style: plotting.Style, series: list[str]) -> None:
    for name, (color, marker) in style.items():
        for _, rows in points[points["size"] == name].groupby("run"):
            rows, place = rows.sort_values("tokens_seen"), series.index(rows.series.iloc[0])
            ax.plot(
                rows.tokens_seen,
                rows.loss_nats,
                color=color,
                marker=marker,
                markersize=3.6,
                linewidth=0.9,
                linestyle=pass_plotting.LINES[place % 2],
                markerfacecolor="white" if place else color,
                markeredgewidth=0.5,
            )
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    _plain_log(ax)
    ax.set_title("along training", loc="left")
    ax.set_xlabel("training tokens")
    ax.set_ylabel(LOSS_LABEL)


def _draw_law(ax, results: pd.DataFrame, finals: pd.DataFrame, style: plotting.Style, series: list[str]) -> None:
    pass_plotting.size_axis(ax, finals.num_parameters)
    pass_plotting.draw_law(ax, results[results.metric == "loss_law"], series)
    _draw_losses(ax, finals.assign(low=finals.value, high=finals.value), style, series)
    pass_plotting.hold_out_ground(ax, finals)
    predictions = results[results.kind == "prediction"]
    inside, runs = (int(predictions[column].sum()) for column in ("num_inside", "num_runs"))
    statistics = results[(results.kind == "statistic") & (results.task == "all")].set_index("metric")
    words, error = (
        [f"unexplained: {number(statistics.loc['unexplained_share'], 100, 2)} %"],
        statistics.loc["held_out_error_share"],
    )
    if error.status.startswith("ok"):
        words += [f"off by {number(error, 100, 1)} % of the range", f"{inside} of {runs} held-out runs in the band"]
    else:
        words += [f"no law: {error.status.removeprefix('failed: ')}"]
    plotting.note(ax, "\n".join(words), x=0.3)
    _plain_log(ax)
    ax.set_title("at the end of training", loc="left")
    ax.set_xlabel(pass_plotting.SIZE_LABEL)
    ax.set_ylabel(LOSS_LABEL)


def _draw_losses(ax, points: pd.DataFrame, style: plotting.Style, series: list[str]) -> None:
    for place, name in enumerate(series):
        plotting.draw_points(ax, points[points.series == name], style, x="num_parameters", hollow=place > 0, size=4.8)


def _draw_answers(ax, results: pd.DataFrame, style: plotting.Style, series: list[str]) -> None:
    points, laws = (results[results.metric == metric] for metric in ("answer_loss_nats", "answer_loss_law"))
    ax.set_title("on the answers of the tasks (grey: the other ten)", loc="left")
    if points.empty:
        plotting.note(ax, "no item is ever passed")
        return
    pass_plotting.size_axis(ax, points.num_parameters)
    for task in (task for task in ALL_TASKS if task not in LAW_TASKS):
        for _, rows in points[points.task == task].groupby("series"):
            middle = rows.groupby("num_parameters").value.mean()
            ax.plot(middle.index, middle, color="#b9c0c7", linewidth=0.8, zorder=1)
    for task in LAW_TASKS:
        one = points[points.task == task]
        pass_plotting.draw_law(ax, laws[laws.task == task], series)
        _draw_losses(ax, one, style, series)
        if len(one):
            ax.set_xlim(right=NAME_ROOM * float(points.num_parameters.max()))
            largest = one.sort_values("num_parameters").iloc[-1]  # the tasks' losses part with size
            ax.annotate(
                task,
                (largest.num_parameters, largest.value),
                (7, -2),
                textcoords="offset points",
                ha="left",
                fontsize=7,
                color="#333333",
                zorder=6,
            )
    _plain_log(ax)
    ax.set_xlabel(pass_plotting.SIZE_LABEL)
    ax.set_ylabel("loss per answer token (nats)")


def _draw_floors(ax, results: pd.DataFrame, series: list[str]) -> None:
    floors = results[(results.kind == "series_statistic") & (results.metric == "floor_share")]
    pass_plotting.draw_by_task(ax, floors, ALL_TASKS, series, (0, MAX_SHARE), "n/a")
    ax.axvline(CRITERION, color=plotting.ONSET_COLOR, linestyle=(0, (1, 1.5)), linewidth=1.0, zorder=1)
    ax.set_xlim(-0.02, MAX_SHARE)
    ax.set_title("irreducible part of the answers' loss", loc="left")
    ax.set_xlabel("share of the smallest model's loss")


def _plain_log(ax) -> None:
    """A logarithmic y axis with readable numbers, fewer of them where it spans decades."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    steps = (1, 1.2, 1.5, 2, 3, 5, 7) if high < 20 * low else (1, 3)
    ticks = [step * 10.0**power for power in range(-4, 3) for step in steps]
    ax.set_yticks([tick for tick in ticks if low <= tick <= high])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


if __name__ == "__main__":
    plot_main(STEM, draw)
