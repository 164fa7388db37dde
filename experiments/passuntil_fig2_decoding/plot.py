"""Paper P, Figure 2, drawn from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from experiments.style import pass_plotting, plotting
from experiments.style.markdown import number
from experiments.style.stage import plot_main
from experiments.tables.names import LAW_TASKS, series_names

STEM = "passuntil_fig2_decoding"
TASKS_SHOWN = LAW_TASKS[1:]
BEAM_COLOR = plotting.ONSET_COLOR
SAMPLE_COLORS = ("#a8c8dc", "#5fa3c7", "#2e86ab", "#12343b")  # few samples light, many dark
MARKER_COLOR = "#555555"
OFFSETS = (0.84, 0.92, 1.0, 1.09, 1.19)  # so that intervals of one size stand side by side
MARKED = 0.5  # paper/claims.yaml, decoding_most_pass


def draw(results: pd.DataFrame) -> Figure:
    """Share of items passed against model size: beam search and ever more random samples."""
    style = plotting.Style(results)
    points = results[results.kind == "checkpoint"]
    series = series_names(points)
    figure = plotting.new_figure(4.4 if len(series) == 1 else 7.6)
    axes = plotting.grid(figure, len(series), len(TASKS_SHOWN), sharex=True, sharey=True)
    ways = [way for way in dict.fromkeys(points.metric) if way != "beam"]
    colors = {"beam": BEAM_COLOR} | dict(zip(ways, SAMPLE_COLORS))
    for row, name in zip(axes, series):
        for ax, task in zip(row, TASKS_SHOWN):
            one = points[(points.task == task) & (points.series == name)]
            for (way, color), offset in zip(colors.items(), OFFSETS):
                _draw_way(ax, one[one.metric == way], style, color, offset)
            ax.axhline(MARKED, color=plotting.ONSET_COLOR, linestyle=(0, (1, 1.5)), linewidth=1.0, zorder=1)
            pass_plotting.short_title(ax, task)
            plotting.note(ax, _summary(results, task, name, one[one.metric == ways[-1]]))
            pass_plotting.size_axis(ax, one.num_parameters)
            ax.set_xlabel(pass_plotting.SIZE_LABEL)
        row[0].set_ylabel("items passed" + (f", series {name}" if len(series) > 1 else ""))
        row[0].set_ylim(-0.03, 1.24)
        row[0].set_yticks([0, 0.25, 0.5, 0.75, 1.0])
        row[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    plotting.legend(
        figure,
        "Items passed by beam search and by random sampling",
        [
            *(
                Line2D([], [], linestyle="none", marker=marker, color=MARKER_COLOR, markersize=5, label=size)
                for size, (_, marker) in style.items()
            ),
            *(Line2D([], [], color=color, linewidth=2, label=_name(way)) for way, color in colors.items()),
        ],
    )
    plotting.footnote(
        figure,
        "Bars are 95 % intervals over items; colour names the way of decoding, the marker the size. Dotted: half of the"
        " items, the criterion for 10 000 samples on the largest model. Paper P shows 41 items and four models as"
        " counts in a picture, which cannot be read off as numbers.",
    )
    return figure


def _name(way: str) -> str:
    if way == "beam":
        return "beam search"
    budget = int(way.removeprefix("samples_"))
    return "1 sample" if budget == 1 else f"{budget:,}".replace(",", " ")


def _draw_way(ax, rows: pd.DataFrame, style: plotting.Style, color: str, offset: float) -> None:
    middle = rows.groupby("num_parameters").value.mean()
    ax.plot(middle.index * offset, middle, color=color, linewidth=1.2, alpha=0.8, zorder=2)
    for name, (_, marker) in style.items():
        part = rows[rows["size"] == name]
        ax.errorbar(
            part.num_parameters * offset,
            part.value,
            yerr=[(part.value - part.low).clip(lower=0), (part.high - part.value).clip(lower=0)],
            fmt=marker,
            markersize=4.5,
            color=color,
            markeredgecolor="white",
            markeredgewidth=0.3,
            elinewidth=0.8,
            zorder=3,
        )


def _summary(results: pd.DataFrame, task: str, series: str, points: pd.DataFrame) -> str:
    rows = results[
        (results.kind == "series_statistic") & (results.task == task) & (results.series == series)
    ].set_index("metric")
    text = f"sampling over beam search: {number(rows.loc['beam_gap'], 100, 0)} points"
    censored = pass_plotting.censored_note(points)
    return f"{text}\n{censored}" if censored else text


if __name__ == "__main__":
    plot_main(STEM, draw)
