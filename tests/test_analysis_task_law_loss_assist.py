"""Loss assistance: the planted mapping comes back, items without a pass are placed by their loss, ranges cover,
failures are told."""

import numpy as np
import pytest

from analysis.task_law.instance_law import fit_instance_law
from analysis.task_law.loss_assist import assisted_f, fit_loss_assist, item_f

SIZE = np.repeat(3e4 * 2.0 ** np.arange(7), 2)
FITTED = SIZE < 8e5
CENTRE = np.log(SIZE[FITTED]).mean()


def _items(seed, num_items=80, attempts=20_000, mapping=(0.1, 0.9), noise=0.08):
    """Items whose F is a noisy function of their loss; (passes, F, loss), each [M, n]."""
    rng = np.random.default_rng(seed)
    log_loss = (1.4 + 0.5 * rng.normal(size=num_items))[:, None] - (0.3 + 0.08 * rng.normal(size=num_items))[
        :, None
    ] * (np.log(SIZE) - CENTRE)
    f = mapping[0] + mapping[1] * log_loss + noise * rng.normal(size=log_loss.shape)
    return rng.binomial(attempts, np.exp(-np.exp(f))), f, np.exp(log_loss + 0.02 * rng.normal(size=log_loss.shape))


def test_mapping_and_lines_are_recovered():
    passes, f, loss = _items(0)
    fit = fit_loss_assist(SIZE[FITTED], passes[:, FITTED], 20_000, loss[:, FITTED])
    assert fit.status == "ok"
    assert fit.intercept == pytest.approx(0.1, abs=0.05) and fit.slope == pytest.approx(0.9, abs=0.05)
    assert fit.noise == pytest.approx(0.08, rel=0.4) and fit.loss_noise == pytest.approx(0.02, rel=0.2)
    predicted, spread = fit.predict_f(SIZE[-1])
    assert np.sqrt(np.mean((predicted - f[:, -1]) ** 2)) < 0.15 and np.all(spread > 0.05)


def test_ranges_cover_and_assistance_helps_items_without_a_pass():
    inside, errors = [], {"own": [], "assisted": []}
    for seed in range(12):
        passes, f, loss = _items(seed, attempts=300)
        hard = ~(passes[:, FITTED] > 0).any(axis=1)
        law = fit_instance_law(SIZE[FITTED], passes[:, FITTED], 300)
        assist = fit_loss_assist(SIZE[FITTED], passes[:, FITTED], 300, loss[:, FITTED])
        middle, spread = assisted_f(law, assist, SIZE[-1])
        inside.append(np.mean(np.abs(f[:, -1] - middle) < 1.96 * spread))
        for name, predicted in (("own", item_f(law, SIZE[-1])[0]), ("assisted", middle)):
            errors[name] += list((predicted - f[:, -1])[hard] ** 2)
    assert 0.88 <= np.mean(inside) <= 0.995 and len(errors["own"]) > 10
    assert np.mean(errors["assisted"]) < 0.5 * np.mean(errors["own"])


def test_a_loss_that_tells_nothing_is_not_trusted():
    passes, _f, loss = _items(3)
    shuffled = np.random.default_rng(0).permutation(loss, axis=0)
    law = fit_instance_law(SIZE[FITTED], passes[:, FITTED], 20_000)
    assist = fit_loss_assist(SIZE[FITTED], passes[:, FITTED], 20_000, shuffled[:, FITTED])
    own, middle = item_f(law, SIZE[-1])[0], assisted_f(law, assist, SIZE[-1])[0]
    easy = (passes[:, FITTED] > 50).all(axis=1)
    assert assist.noise > 0.2 and np.mean(np.abs(own - middle)[easy]) < 0.2


def test_failures_are_told():
    passes, _, loss = _items(0)
    assert fit_loss_assist(SIZE[:4], passes[:, :4], 20_000, loss[:, :4]).status.startswith("failed: 2 sizes")
    assert fit_loss_assist(SIZE, np.zeros_like(passes), 20_000, loss).status.startswith("failed: 7 sizes and 0 cells")
    with pytest.raises(ValueError, match="answer_loss: shape"):
        fit_loss_assist(SIZE, passes, 20_000, loss[:, :4])
    with pytest.raises(ValueError, match="not above 0"):
        fit_loss_assist(SIZE, passes, 20_000, loss * 0)
