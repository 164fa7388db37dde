"""Power on public tables: every claim has a simulation, shares are those of verdicts, and the entries are written."""

import numpy as np
import pytest

from paper import public_power
from paper.public_claims import CLAIMS_PUBLIC_FILE, load_public_claims
from paper.public_power import Simulation, simulated_shares, simulations, with_power

CLAIMS = {claim.id: claim for claim in load_public_claims(check_power=False, with_dropped=True)}


def test_every_claim_has_a_simulation_and_every_simulation_a_claim():
    assert set(simulations()) == set(CLAIMS)


def test_shares_are_those_of_the_verdict_replicated():
    claim = CLAIMS["smooth_monotone_on_olmo"]  # at least 0.9

    def row(rng, truth):
        value = truth + 0.01 * rng.normal()
        return {"value": value, "low": value - 0.02, "high": value + 0.02, "status": "ok"}

    assert simulated_shares(claim, Simulation(row, 1.0, 0.7, ""), 10) == (1.0, 0.0)
    true, _ = simulated_shares(claim, Simulation(row, 0.92, 0.7, ""), 40)
    assert 0.2 < true < 0.8, "an interval that often crosses the bound is no verdict"
    lost = Simulation(lambda rng, truth: {"value": 1.0, "low": 1.0, "high": 1.0, "status": "failed: x"}, 1, 0, "")
    assert simulated_shares(claim, lost, 3) == (0.0, 0.0)


def test_a_claim_is_simulated_on_the_design_of_its_table(monkeypatch):
    from tests.test_analysis_table_statistics_checkpoints import planted, smooth

    rows = planted(smooth).assign(series="long", compute_flops=1.0)
    monkeypatch.setattr(public_power, "design", lambda name: {"csqa": rows, "sciq": rows})
    made = simulations()["loss_suffices_for_all_sizes_on_olmo"]()
    assert "9 runs, 144 checkpoints, 1221 items" == made.at
    true, false = simulated_shares(CLAIMS["loss_suffices_for_all_sizes_on_olmo"], made, 4)
    assert true > false
    one, same = (made.row(np.random.default_rng(3), made.true) for _ in range(2))
    assert one == same, "same seed, same row"


def test_entries_are_written_where_they_belong():
    text = with_power(CLAIMS_PUBLIC_FILE.read_text(), {"smooth_monotone_on_olmo": (0.912, 0.01, "4 runs")})
    assert 'power: {if_true: 0.91, if_false: 0.01, at: "4 runs"}' in text.split("- id: smooth_without_jump_on_olmo")[0]
    with pytest.raises(ValueError, match="claim nobody has no line"):
        with_power(text, {"nobody": (1, 0, "")})
