"""Letter against cloze on the same items, drawn from results/public/ext_public_formats.csv."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.public.drawing import plot_public
from experiments.style import plotting
from experiments.style.axes import loss_axis
from public_tables.benchmarks import BENCHMARKS

STEM = "ext_public_formats"
CLOZE, LETTER = "#2e86ab", "#c8405a"
RUN_MARKERS = {"7B": "o", "7B other learning rate": "s", "13B": "^"}


def draw(results: pd.DataFrame):
    """One panel per task: cloze scores of all runs, letter scores of the three long ones, onset of the letters."""
    figure = plotting.new_figure(6.4)
    axes = plotting.grid(figure, 2, 5, sharex=True, sharey=True)
    points = results[results.kind == "checkpoint"]
    for ax, task in zip(axes.flat, points.task.unique(), strict=True):
        _panel(ax, task, points[points.task == task], results[(results.kind == "statistic") & (results.task == task)])
        loss_axis(ax, points.loss_nats)
    for ax in axes[-1]:
        ax.set_xlabel("loss on C4 (nats), falling")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    handles = [_dots(CLOZE, "o", "cloze: 33 runs, 190M to 13B")]
    handles += [_dots(LETTER, marker, f"letter: {run}") for run, marker in RUN_MARKERS.items()]
    handles += [
        Patch(facecolor=LETTER, alpha=0.25, label="letters leave chance (three runs)"),
        plotting.chance_handle(),
    ]
    plotting.legend(
        figure, "The same questions: by letter they leave chance at one loss, in cloze form long before", handles
    )
    plotting.footnote(
        figure,
        "OLMo ladder and OLMo-2, allenai/OLMo-ladder (Apache-2.0). Same items in both forms. Points: at most 40"
        " (letter) and 12 (cloze) checkpoints a run, even in log loss. Band: from the first to the last of the three"
        " onsets (five points above chance, lastingly). Three runs of one family cannot tell loss from compute.",
    )
    return figure


def _panel(ax: Axes, task: str, points: pd.DataFrame, statistics: pd.DataFrame) -> None:
    about = BENCHMARKS[task]
    cloze, letter = (points[points.metric == f"{form}_accuracy"] for form in ("cloze", "letter"))
    ax.plot(cloze.loss_nats, cloze.value, ".", color=CLOZE, markersize=2.2, alpha=0.55, zorder=2)
    for run, marker in RUN_MARKERS.items():
        one = letter[letter.run == run].sort_values("tokens_seen")
        ax.plot(one.loss_nats, one.value, marker, color=LETTER, markersize=3, alpha=0.75, mew=0, zorder=3)
    plotting.draw_chance(ax, about.chance)
    onsets = statistics[(statistics.metric == "letter_onset") & statistics.value.notna()].value
    if len(onsets):
        ax.axvspan(onsets.min(), onsets.max(), color=LETTER, alpha=0.25, linewidth=0, zorder=1)
    ax.set_title(f"{about.name}", loc="left", fontweight="bold")
    ax.set_ylim(0, 1.0)
    found = statistics.set_index("metric").value
    mean = found["letter_onset_mean"]
    first = f"letters leave chance at {mean:.2f}\n" if pd.notna(mean) else "one run never leaves chance\n"
    is_late = found["cloze_rise_start"] < cloze.loss_nats.max()
    second = f"cloze {found['cloze_rise_width']:.2f}" if is_late else "cloze from the start"
    plotting.note(ax, f"{first}rise over {found['letter_rise_width']:.2f} nats, {second}")


def _dots(color: str, marker: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, color=color, markersize=4.5, label=label)


if __name__ == "__main__":
    plot_public(STEM, draw)
