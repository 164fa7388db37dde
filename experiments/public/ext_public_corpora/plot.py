"""Three training corpora at equal loss, drawn from results/public/ext_public_corpora.csv."""

import pandas as pd

from experiments.public.drawing import draw_loss_panels, plot_public, points_text

STEM = "ext_public_corpora"


def draw(results: pd.DataFrame):
    """One panel per task, coloured by training corpus."""
    return draw_loss_panels(
        results,
        "Equal loss on which text? RedPajama-trained models are ahead at equal C4 loss and not on their own",
        "loss on C4 (nats), falling",
        "open_lm models of 11M to 6.9B (mlfoundations/scaling, MIT), one final checkpoint each, coloured by training"
        " corpus. RedPajama minus C4, points [95 %], where the loss on C4, or on Paloma's RedPajama part, is equal."
        " RefinedWeb and size within a corpus are in the table.",
        _note,
        4,
    )


def _note(found: pd.DataFrame) -> str:
    text = []
    for name, metric in (("C4", "corpus_effect"), ("RedPajama", "corpus_effect_on_redpajama")):
        rows = found.loc[[metric]]
        text.append(f"{name}: {points_text(rows[rows.series.str.endswith('RedPajama')].iloc[0])}")
    return "\n".join(text)


if __name__ == "__main__":
    plot_public(STEM, draw)
