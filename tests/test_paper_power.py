"""The power entries of claims.yaml are what the simulation gives, and the simulation can find both ways."""

import numpy as np
import pytest

from paper.claims import CLAIMS_FILE, load_claims
from paper.power import SIMULATIONS, Truth, planted, simulated_power, with_ladder_power
from paper.verdicts import NOT_REPLICATED, REPLICATED, word_of

CLAIMS = {claim.id: claim for claim in load_claims()}


def test_every_claim_of_version_2_has_a_simulation():
    assert set(SIMULATIONS) == {claim.id for claim in CLAIMS.values() if claim.version == 2}


@pytest.mark.parametrize("name", sorted(set(SIMULATIONS) - {"compute_scatters_more", "one_threshold_for_all_tasks"}))
def test_a_planted_truth_and_its_opposite_are_told_apart(name):
    statistic, true, false = SIMULATIONS[name]
    words = [word_of(CLAIMS[name], statistic(np.random.default_rng([1, 2, 3]), truth)) for truth in (true, false)]
    assert words[0] == REPLICATED and words[1] in (NOT_REPLICATED, "inconclusive")


@pytest.mark.parametrize("name", ["smooth_without_jump", "flat_until_threshold"])
def test_entries_are_what_the_simulation_gives(name):
    power = CLAIMS[name].power
    if_true, if_false = simulated_power(CLAIMS[name], num_data_sets=10)
    # Ten data sets against sixty: a share of 1 stays within three of its standard errors of one below 0.9.
    assert if_true == pytest.approx(power.if_true, abs=0.25) and if_false == pytest.approx(power.if_false, abs=0.15)


def test_entries_are_written_where_they_belong():
    text = with_ladder_power(CLAIMS_FILE.read_text(encoding="utf-8"), {"smooth_monotone": (0.91, 0.04)})
    changed = [
        (old, new)
        for old, new in zip(CLAIMS_FILE.read_text(encoding="utf-8").split("\n"), text.split("\n"), strict=True)
        if old != new
    ]
    assert len(changed) == 1 and "if_true: 0.91, if_false: 0.04" in changed[0][1]
    with pytest.raises(ValueError, match="claim nothing has no line"):
        with_ladder_power(text, {"nothing": (1.0, 0.0)})


def test_planted_scores_are_those_of_the_plan():
    rows = planted(np.random.default_rng(0), "exam", Truth(flat=0.6, scatter=0.0), short=True)
    assert rows[rows.series == "long"].run.nunique() == 27 and rows[rows.series == "small"].run.nunique() == 63
    flat = rows[rows.depth < 0.55]
    assert flat.value.mean() == pytest.approx(0.25, abs=0.005) and rows.value.max() > 0.9
