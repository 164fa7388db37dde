"""Ten cloze tasks of the OLMo ladder against loss, drawn from results/public/loss_fig3_open_models.csv."""

import pandas as pd

from experiments.public.drawing import draw_loss_panels, plot_public, points_text

STEM = "loss_fig3_open_models"


def draw(results: pd.DataFrame):
    """One panel per task; digitised points of LLaMA, where there are any, in grey."""
    figure = draw_loss_panels(
        results,
        "Another framework's models, 190M to 13B, lie on one curve per task",
        "loss on C4 (nats), falling",
        "OLMo ladder and OLMo-2 (allenai/OLMo-ladder, Apache-2.0), cloze form; at most 12 checkpoints a run are drawn,"
        " all 3,945 enter the numbers. Size effect: 190M to 13B at equal loss, points [95 %]; last: of the last"
        " checkpoints alone.",
        _note,
    )
    published = results[results.kind == "published"]
    for ax in figure.axes:
        one = published[published.task == ax.get_label()]
        ax.plot(one.loss_nats, one.value, "x", color="#777777", markersize=3)
    return figure


def _note(found: pd.DataFrame) -> str:
    return (
        f"Spearman {found.loc['rank_correlation'].value:.3f}\n"
        f"size {points_text(found.loc['size_effect'])}\nlast {points_text(found.loc['size_effect_final'])}"
    )


if __name__ == "__main__":
    plot_public(STEM, draw)
