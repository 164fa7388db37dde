"""Paper L, Table 3, as bars and as a table, from results.csv."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from experiments.style import plotting
from experiments.style.markdown import NO_VALUE, markdown_table
from experiments.style.stage import plot_main

STEM = "loss_tab3_corpus"
OURS_COLOR = "#2e86ab"
SOURCES = ("CommonCrawl", "Code", "Books", "Wikipedia", "Papers", "StackExchange")


def draw(results: pd.DataFrame) -> Figure:
    """Shares of tokens: languages on the left, sources of the English part on the right, ours above the paper's."""
    figure = plotting.new_figure(3.4)
    left, right = plotting.grid(figure, 1, 2, width_ratios=[1, 2.2])[0]
    _bars(left, results, ["language/en", "language/zh"], ["English", "Chinese"])
    _bars(right, results, [f"english/{source}" for source in SOURCES], list(SOURCES))
    left.set_title("languages", loc="left")
    right.set_title("sources of the English part", loc="left")
    plotting.legend(
        figure,
        "Shares of tokens",
        [
            Patch(color=OURS_COLOR, label="ours"),
            Patch(color=plotting.PAPER_COLOR, label="paper L (section 2.1, Table 3)"),
        ],
    )
    plotting.footnote(
        figure,
        "Languages are counted on the training stream (bar: 95 % interval); sources are what the mixture is set to. Our"
        " kinds of documents stand for the paper's sources; the table beside this figure names them.",
    )
    return figure


def _bars(ax, results: pd.DataFrame, metrics: list[str], names: list[str]) -> None:
    for y, metric in enumerate(metrics):
        one = results[results.metric == metric].set_index("kind")
        ours = one.loc["statistic"] if "statistic" in one.index else one.loc["set"] if "set" in one.index else None
        for offset, row, color in ((-0.2, ours, OURS_COLOR), (0.2, one.loc["published"], plotting.PAPER_COLOR)):
            value = 0.0 if row is None else row.value
            ax.barh(y + offset, value, height=0.36, color=color)
            ax.text(value, y + offset, f"  {100 * value:.1f} %", va="center", fontsize=7.5, color="#333333")
            if row is not None and pd.notna(row.low):
                ax.plot([row.low, row.high], [y + offset] * 2, color="#12343b", linewidth=1.2)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, 1.0)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def table(results: pd.DataFrame) -> str:
    """Every kind of document, the source it stands for, and its share of all tokens in each language."""
    kinds = results[(results.kind == "set") & results.metric.str.match("en/|zh/")]
    rows = []
    for kind in dict.fromkeys(kinds.metric.str.split("/").str[1]):
        cells = [kinds[kinds.metric == f"{code}/{kind}"] for code in ("en", "zh")]
        shown = [f"{100 * cell.value.iloc[0]:.1f} %" if len(cell) else NO_VALUE for cell in cells]
        rows.append([kind, kinds[kinds.metric.str.endswith(f"/{kind}")].status.iloc[0], *shown])
    return markdown_table(
        ["kind of document", "stands for", "English, share of all tokens", "Chinese, share of all tokens"], rows
    )


if __name__ == "__main__":
    plot_main(STEM, draw, table)
