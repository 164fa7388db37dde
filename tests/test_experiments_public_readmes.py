"""What came out, in the READMEs of the public folders: every folder says it, and its numbers are the committed ones."""

import numpy as np
import pytest

from experiments.public.folders import PROFILE, public_stems
from experiments.tables.results import read_results
from profiles.paths import ROOT, Paths

SIX = ("lambada", "piqa", "arc_easy", "arc_challenge", "sciq", "winogrande")


def text_of(stem: str) -> str:
    """The paragraphs "What came out" on one line."""
    text = (ROOT / "experiments" / "public" / stem / "README.md").read_text(encoding="utf-8")
    return " ".join(text.partition("**What came out.**")[2].split())


def numbers_of(stem: str):
    """The statistics of a folder, by metric and task."""
    table = read_results(Paths(PROFILE).results_csv(stem))
    return table[table.kind == "statistic"]


def of(table, metric: str):
    """The rows of one metric by task."""
    return table[table.metric == metric].set_index("task")


def shown(row, factor: float = 1.0, decimals: int = 1) -> str:
    """A number as a README writes it."""
    value, low, high = (factor * row[name] for name in ("value", "low", "high"))
    return f"{value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


@pytest.mark.parametrize("stem", public_stems())
def test_every_folder_says_what_came_out(stem):
    assert len(text_of(stem)) > 100


def test_open_models():
    text, table = text_of("loss_fig3_open_models"), numbers_of("loss_fig3_open_models")
    rank = of(table, "rank_correlation").value
    assert sorted(rank)[-3] <= -0.97 and "-0.97 or better on 8 of 10" in text
    assert f"{rank.winogrande:.3f}" in text and f"{rank.boolq:.3f}" in text
    whole = of(table, "size_effect")
    assert (whole.low > -0.05).all() and (whole.high < 0.05).all()
    final = of(table, "size_effect_final")
    for task in ("csqa", "winogrande", "hellaswag"):
        row = final.loc[task].copy()
        row["value"], row["low"], row["high"] = -row.value, -row.high, -row.low
        assert shown(row, 100) in text, task
    ratio = of(table, "compute_over_loss_spread").value
    assert f"{ratio.min():.2f} to {ratio.max():.2f} times" in text
    shift = of(table, "size_shift_share")
    others = shift.drop(index="winogrande")
    assert f"{100 * others.value.abs().max():.1f} % of the loss range on nine" in text
    assert ((others.low > -0.05) & (others.high < 0.05)).sum() == 7 and "seven of them inside" in text
    assert shown(shift.loc["winogrande"], 100) in text
    assert shown(of(table, "budget_shift_share").loc["all"], 100) in text
    steep = of(table, "steepest_share").value.dropna().drop("boolq")
    assert len(steep) == 7 and f"more than {100 * steep.max():.0f} % of its gain" in text
    bands = of(table, "size_band_effect")
    assert bands.status.str.contains("overlap over 7%").any() and "overlap over 7 %" in text


def test_pythia():
    text, table = text_of("loss_fig7_pythia"), numbers_of("loss_fig7_pythia")
    rank = of(table, "rank_correlation").loc[list(SIX)]
    five = rank.drop(index="winogrande").value
    assert f"{five.max():.3f} to {five.min():.3f} on five" in text
    assert shown(rank.loc["winogrande"], 1, 3) in text
    effect = of(table, "size_effect").loc[list(SIX)]
    widest = 100 * max(effect.low.abs().max(), effect.high.abs().max())
    assert widest <= 3.9 and "within +-3.9 points" in text
    ratio = of(table, "compute_over_loss_spread").loc[list(SIX)]
    four = ratio.drop(index="winogrande").value
    assert f"{four.min():.1f} to {four.max():.1f} times" in text and shown(ratio.loc["winogrande"], 1, 2) in text
    twins = of(table, "group_effect")
    assert f"+{shown(twins.loc['lambada'], 100)} points" in text
    for task in ("piqa", "arc_challenge"):
        assert f"(+{100 * twins.value[task]:.1f})" in text
    assert (twins.low > 0).sum() == 3


def test_shapes():
    text, table = text_of("ext_public_shapes"), numbers_of("ext_public_shapes")
    large, shape = (of(table, f"{name}_points") for name in ("size_effect_large", "shape_effect"))
    for rows, most in ((large, 0.6), (shape, 1.2)):
        assert f"{rows.value.abs().max():.1f}" == f"{most:.1f}" and f"at most {most}" in text
        assert max(rows.low.abs().max(), rows.high.abs().max()) <= 1.9
    for row in (shape.loc["arc_easy"], large.loc["arc_easy"]):
        assert shown(row, 1, 2) in text
    worse = shape.loc["hellaswag"]
    assert f"{-worse.value:.2f} [{-worse.high:.2f}, {-worse.low:.2f}] points worse" in text
    excluding = sum(int(((rows.low > 0) | (rows.high < 0)).sum()) for rows in (large, shape))
    assert f"{excluding} of 18" in text


def test_formats():
    text, table = text_of("ext_public_formats"), numbers_of("ext_public_formats")
    spread = of(table, "task_threshold_sd_share").loc["all"]
    assert shown(spread, 100) in text and f"{of(table, 'threshold_mean').value['all']:.3f} nats" in text
    assert f"by {of(table, 'task_onset_sd_where_hinge').value['all']:.3f} nats" in text
    assert f"{of(table, 'task_onset_mean_where_hinge').value['all']:.3f}" in text
    width = of(table, "rise_width_ratio")
    assert set(width.index[width.high <= 0.25]) == {"mmlu", "arc_easy", "csqa", "socialiqa", "piqa"}
    letter, cloze = (of(table, f"{form}_hinge_advantage").value for form in ("letter", "cloze"))
    assert (letter >= 2).sum() == 9 and letter.winogrande < -2 and "nine tasks" in text
    assert (cloze <= -2).sum() == 7 and set(cloze.index[cloze >= 2]) == {"arc_challenge", "openbookqa"}
    assert np.isnan(cloze.boolq)
    for metric in (
        "letter_onset_sd_share",
        *(f"letter_onset_sd_share_on_{name}" for name in ("compute_flops", "tokens_seen")),
    ):
        assert f"{100 * of(table, metric).value.mmlu:.1f} %" in text
