"""Size and shape at equal loss, drawn from results/public/ext_public_shapes.csv."""

import pandas as pd

from experiments.public.drawing import draw_loss_panels, plot_public, points_text

STEM = "ext_public_shapes"


def draw(results: pd.DataFrame):
    """One panel per task, differences at equal loss as a note."""
    return draw_loss_panels(
        results,
        "22 shapes of 48M to 2.0B on one corpus: at equal loss neither size nor depth moves a score by much",
        "loss on DCLM (nats), falling",
        "Gemstones (mcleish7/gemstone-scaling-laws, MIT), zero-shot cloze, 35 checkpoints a shape, 6 drawn. Points at"
        " equal loss [95 %]: 1 to 2B minus 0.5B, and wide (3 to 16 layers) minus deep (36 to 80) at 0.1B. Smallest"
        " against largest is not given: their losses hardly overlap.",
        _note,
    )


def _note(found: pd.DataFrame) -> str:
    return f"size {points_text(found.loc['size_effect_large'])}\nwide {points_text(found.loc['shape_effect'])}"


if __name__ == "__main__":
    plot_public(STEM, draw)
