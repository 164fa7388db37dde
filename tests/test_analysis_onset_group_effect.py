"""Groups at equal loss: a planted difference is found inside the overlap, none is invented, no overlap is no
comparison."""

import numpy as np
import pytest

from analysis.onset.group_effect import group_effects, size_band_effects


def _rows(shift=0.0, num_runs=12, apart=0.0, seed=0, slope=0.0):
    """Runs of two groups on one curve, the second `shift` above it, its losses `apart` lower; slope: value per factor e
    of size."""
    rng = np.random.default_rng(seed)
    runs, second = np.repeat(np.arange(num_runs), 12), np.repeat(np.arange(num_runs) % 2 == 1, 12)
    size = np.repeat(10.0 ** (6 + np.arange(num_runs) // 2), 12)
    loss = rng.uniform(2.0, 3.0, size=len(runs)) - apart * second
    run_noise = 0.002 * rng.normal(size=num_runs)[runs]
    value = 0.9 - 0.2 * loss + shift * second + slope * np.log(size) + run_noise + 0.003 * rng.normal(size=len(runs))
    return runs, loss, value, np.where(second, "b", "a"), size


def test_a_planted_difference_is_covered_and_none_is_called_equivalent():
    covered = []
    for seed in range(20):
        runs, loss, value, groups, _ = _rows(0.06, seed=seed)
        (found,) = group_effects(runs, loss, value, groups, "a")
        assert found.verdict == "different" and (found.first, found.second) == ("a", "b") and found.num_runs == (6, 6)
        covered.append(found.effect.low <= 0.06 <= found.effect.high)
        (same,) = group_effects(*_rows(0.0, seed=seed)[:4], "a")
        assert same.verdict == "equivalent"
    assert np.mean(covered) >= 0.85


def test_the_reference_is_the_largest_group_unless_named():
    runs, loss, value, groups, _ = _rows(num_runs=13)
    assert group_effects(runs, loss, value, groups)[0].first == "a"
    assert group_effects(runs, loss, value, groups, "b")[0].second == "a"
    with pytest.raises(ValueError, match="'c' is no group"):
        group_effects(runs, loss, value, groups, "c")


def test_without_overlap_there_is_no_comparison():
    (apart,) = group_effects(*_rows(apart=1.2)[:4], "a")
    assert (
        apart.effect.status == "failed: losses overlap over 0% of their range, needs 10%"
        and apart.verdict == "undecided"
    )
    (barely,) = group_effects(*_rows(apart=0.97)[:4], "a")
    assert not barely.effect.ok
    runs, loss, value, _groups, _ = _rows()
    (single,) = group_effects(runs, loss, value, np.where(runs == 1, "b", "a"), "a")
    assert "11 and 1 runs" in single.effect.status


def test_neighbouring_bands_of_size():
    runs, loss, value, _, size = _rows(slope=0.02)
    bands = size_band_effects(runs, loss, value, size)
    assert [(band.first, band.second) for band in bands] == [("1M to 10M", "100M to 1B"), ("100M to 1B", "10B to 100B")]
    for band in bands:
        # Two sizes of each band, a factor of 100 between their centres.
        assert band.effect.low <= 0.02 * np.log(100) <= band.effect.high
    assert all(band.verdict == "equivalent" for band in size_band_effects(*(_rows(seed=3)[i] for i in (0, 1, 2, 4))))


def test_bad_rows_are_refused():
    runs, loss, value, groups, size = _rows()
    with pytest.raises(ValueError, match="loss_nats is nan in row 3"):
        group_effects(runs, np.where(np.arange(len(loss)) == 3, np.nan, loss), value, groups)
    with pytest.raises(ValueError, match="num_parameters is -1"):
        size_band_effects(runs, loss, value, np.where(np.arange(len(loss)) == 3, -1.0, size))
    with pytest.raises(ValueError, match="groups holds no label in row 0"):
        group_effects(runs, loss, value, np.array([None, *groups[1:]], object))
