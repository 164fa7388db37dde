"""Eight tasks of Pythia against WikiText bits per byte, drawn from results/public/loss_fig7_pythia.csv."""

import pandas as pd

from experiments.public.drawing import draw_loss_panels, plot_public, points_text

STEM = "loss_fig7_pythia"


def draw(results: pd.DataFrame):
    """One panel per task."""
    return draw_loss_panels(
        results,
        "Pythia: ten models on one curve per task, against a proxy of the loss",
        "WikiText bits per byte, falling",
        "EleutherAI/pythia (Apache-2.0), suite v0, zero-shot, 15 checkpoints of each of five sizes on the Pile and"
        " on its deduplicated form. WikiText bits per byte stands in for the loss on the Pile, which the repository"
        " does not hold. Size: 160M to 12B at equal bits per byte, points [95 %]; dedup: deduplicated minus plain.",
        _note,
        4,
    )


def _note(found: pd.DataFrame) -> str:
    return (
        f"Spearman {found.loc['rank_correlation'].value:.3f}\n"
        f"size {points_text(found.loc['size_effect'])}\ndedup {points_text(found.loc['group_effect'])}"
    )


if __name__ == "__main__":
    plot_public(STEM, draw)
