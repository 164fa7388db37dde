"""Paper L, Tables 4 and 5, as a map of sizes and budgets and as a table, from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.style import plotting
from experiments.style.markdown import markdown_table
from experiments.style.stage import plot_main

STEM = "loss_tab45_hyperparameters"


def draw(results: pd.DataFrame) -> Figure:
    """Sizes against token budgets, ours on the left, the paper's on the right."""
    style = plotting.Style(results)
    figure = plotting.new_figure(4.2)
    left, right = plotting.grid(figure, 1, 2)[0]
    ours, paper = results[results.kind == "run"], results[results.kind == "published"]
    for row in ours.itertuples():
        color, marker = style[row.size]
        left.plot(
            row.tokens_seen,
            row.value,
            marker=marker,
            color=color,
            markerfacecolor=color if row.series == "long" else "white",
            markersize=8 if row.series == "long" else 6,
            markeredgewidth=1.2,
            linestyle="none",
        )
    for series, fill, size in (("long", plotting.PAPER_COLOR, 8), ("small", "white", 6)):
        part = paper[paper.series == series]
        right.plot(
            part.tokens_seen,
            part.value,
            marker="o",
            color=plotting.PAPER_COLOR,
            markerfacecolor=fill,
            markersize=size,
            markeredgewidth=1.2,
            linestyle="none",
        )
    for ax, title, unit in (
        (left, "ours", "non-embedding parameters"),
        (right, "paper L (Tables 4 and 5)", "parameters"),
    ):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(title, loc="left")
        ax.set_xlabel("training tokens")
        ax.set_ylabel(unit)
    filled = Line2D([], [], marker="o", color="#555555", linestyle="none", markersize=7, label="long runs")
    hollow = Line2D(
        [], [], marker="o", color="#555555", markerfacecolor="white", linestyle="none", markersize=6, label="small runs"
    )
    plotting.legend(
        figure,
        "The ladder of runs: sizes and token budgets",
        [*plotting.size_handles(style, ours["size"]), filled, hollow],
    )
    return figure


def table(results: pd.DataFrame) -> str:
    """One line per size and series, ours first."""
    rows = []
    for kind, owner in (("run", "ours"), ("published", "paper L")):
        part = results[results.kind == kind]
        for (series, size), runs in part.groupby(["series", "size"], sort=False):
            one = runs.iloc[0]
            budgets = ", ".join(_tokens(tokens) for tokens in sorted(runs.tokens_seen))
            rows.append(
                [
                    owner,
                    series,
                    size,
                    budgets,
                    int(one.num_layers),
                    int(one.d_model),
                    int(one.num_heads),
                    int(one.d_ff),
                    f"{int(one.batch_sequences)} x {int(one.sequence_length)}",
                    f"{one.max_lr:g}",
                    one.schedule,
                ]
            )
    return markdown_table(
        [
            "",
            "series",
            "size",
            "tokens",
            "layers",
            "d_model",
            "heads",
            "d_ff",
            "batch (sequences x tokens)",
            "largest learning rate",
            "schedule",
        ],
        rows,
    )


def _tokens(count: float) -> str:
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= unit:
            return f"{count / unit:g}{name}"
    return f"{count:g}"


if __name__ == "__main__":
    plot_main(STEM, draw, table)
