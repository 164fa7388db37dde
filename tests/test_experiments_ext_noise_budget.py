"""A noise budget of planted tables: each source moves its own number."""

import numpy as np
import pandas as pd
import pytest

from experiments.ext_noise_budget.measure import late_checkpoints, over_factor


def planted(sd_seed: float = 0.0, sd_mixture: float = 0.0, mixtures: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    """Long runs of three sizes and three seeds per mixture, on one line in loss."""
    rng, rows = np.random.default_rng(0), []
    for mixture in mixtures:
        of_mixture = rng.normal(0, sd_mixture)
        for size in ("S", "M", "L"):
            for seed in range(3):
                shift = of_mixture + rng.normal(0, sd_seed)
                for step, loss in enumerate(np.linspace(2.0, 1.0, 11)):
                    run = f"{mixture}_{size}_{seed}"
                    rows.append((run, mixture, size, seed, step, loss, 0.5 * (2 - loss) + shift))
    return pd.DataFrame(rows, columns=["run", "mixture", "size", "seed", "tokens_seen", "loss_nats", "value"])


def test_only_the_lower_half_of_the_losses_is_taken():
    rows = late_checkpoints(planted())
    assert rows.loss_nats.max() == pytest.approx(1.5) and rows.groupby("run").size().eq(6).all()


def test_a_seed_is_compared_within_its_mixture():
    rows = planted(sd_mixture=0.3, mixtures=("a", "b", "c"))
    assert over_factor(rows, "seed").estimate == pytest.approx(0.0, abs=1e-12)
    assert over_factor(rows, "mixture").estimate > 0.1


def test_seed_noise_has_the_freedom_of_its_runs():
    found = over_factor(planted(sd_seed=0.05, mixtures=("a", "b", "c")), "seed")
    assert found.status == "ok: 18 degrees of freedom" and found.low < 0.05 < found.high
