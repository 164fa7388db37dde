"""evaluation/passuntil/randomness.py: known answers of the generator, and laws of the splits by chi-square."""

import numpy as np
import pytest
from scipy import stats

from evaluation.passuntil import randomness
from evaluation.passuntil.randomness import attempt_uniforms, child_paths, draw_tokens, philox, split_counts, stream_key

KEY = stream_key("run", "task", 0)


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [  # known-answer vectors of the authors' Random123 library
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_numbers(key, counter, words):
    joined = [np.uint64(low | high << 32) for low, high in (key, counter[:2], counter[2:])]
    assert [int(part) for part in philox(*joined)] == [words[0] | words[1] << 32, words[2] | words[3] << 32]


def counts_of(num_attempts: int, weights: np.ndarray, num_rows: int, block: int = 0) -> np.ndarray:
    """[num_rows, C] counts of independent splits."""
    paths = np.arange(num_rows, dtype=np.uint64)
    rows, columns, counts = split_counts(
        KEY, block, paths, np.full(num_rows, num_attempts), np.tile(weights, (num_rows, 1))
    )
    out = np.zeros((num_rows, len(weights)), np.int64)
    out[rows, columns] = counts
    return out


@pytest.mark.parametrize("num_attempts", [1, 3, 4, 15, 40, 1000, 100_000])
def test_every_column_of_a_split_is_binomial(num_attempts):
    weights = np.array([0.5, 0.2, 0.0, 0.15, 0.08, 0.05, 0.0199, 1e-4])
    num_rows = 4000
    counts = counts_of(num_attempts, 3 * weights, num_rows)  # weights need not be normalised
    assert (counts.sum(1) == num_attempts).all() and not counts[:, 2].any()
    for column, p in enumerate(weights / weights.sum()):
        if p == 0:
            continue
        cuts = np.unique(stats.binom.ppf(np.linspace(0.1, 0.9, 9), num_attempts, p))
        expected = np.diff(np.concatenate([[0], stats.binom.cdf(cuts, num_attempts, p), [1]])) * num_rows
        found = np.bincount(np.searchsorted(cuts, counts[:, column]), minlength=len(cuts) + 1)
        kept = expected > 5
        statistic = ((found - expected)[kept] ** 2 / expected[kept]).sum()
        assert stats.chi2.sf(statistic, max(1, kept.sum() - 1)) > 1e-5, (column, found, expected)


def test_two_columns_of_a_split_have_the_covariance_of_a_multinomial():
    weights = np.array([0.4, 0.1, 0.3, 0.2])
    counts = counts_of(60, weights, 20_000)
    np.testing.assert_allclose(np.cov(counts.T), 60 * (np.diag(weights) - np.outer(weights, weights)), atol=0.25)


@pytest.mark.parametrize("rare", [1e-5, 1e-9, 1e-12])
@pytest.mark.parametrize("place", [0, 3])
def test_a_rare_column_keeps_its_digits_beside_a_likely_one(rare, place):
    weights = np.full(4, 1e-30)
    weights[1], weights[place] = 1.0, rare
    num_attempts = round(2 / rare)
    counts = counts_of(num_attempts, weights, 5000)[:, place]
    found = np.bincount(counts, minlength=20)[:7]
    expected = stats.poisson.pmf(np.arange(7), 2 * (1 - rare)) * 5000
    assert stats.chi2.sf(((found - expected) ** 2 / expected).sum(), 6) > 1e-5, (found, expected)


def test_a_row_draws_the_same_in_any_company_and_otherwise_in_another_block():
    weights = np.random.default_rng(0).random((50, 37))
    paths, counts = child_paths(np.zeros(50, np.uint64), np.arange(50)), np.arange(1, 51) * 7
    rows, columns, drawn = split_counts(KEY, 2, paths, counts, weights)
    alone = split_counts(KEY, 2, paths[30:31], counts[30:31], weights[30:31])
    assert np.array_equal(columns[rows == 30], alone[1]) and np.array_equal(drawn[rows == 30], alone[2])
    other = split_counts(KEY, 3, paths[30:31], counts[30:31], weights[30:31])
    assert not np.array_equal(alone[2], other[2])


def test_single_draws_follow_their_weights_and_never_meet_a_zero():
    weights = np.array([[0.0, 0.25, 0.0, 0.7, 0.05, 0.0]])
    uniforms = attempt_uniforms(KEY, np.arange(40_000), 3)
    found = np.bincount(draw_tokens(weights, uniforms), minlength=6)
    assert (
        not found[[0, 2, 5]].any()
        and stats.chisquare(found[[1, 3, 4]], 40_000 * np.array([0.25, 0.7, 0.05])).pvalue > 1e-5
    )
    assert stats.kstest(uniforms, "uniform").pvalue > 1e-5
    assert draw_tokens(np.array([[1.0, 3.0], [3.0, 1.0]]), np.array([0.5, 0.5])).tolist() == [1, 0]


def test_attempts_and_places_have_numbers_of_their_own():
    attempts = np.array([5, 6, 7])
    numbers = attempt_uniforms(KEY, attempts, 0)
    assert np.array_equal(numbers[1:2], attempt_uniforms(KEY, np.array([6]), 0))
    everything = [
        attempt_uniforms(key, attempts, place) for key in (KEY, stream_key("run", "task", 1)) for place in (0, 1)
    ]
    assert len(np.unique(everything)) == 12


def test_paths_depend_on_the_order_of_tokens():
    def path(*tokens: int) -> int:
        here = np.zeros(1, np.uint64)
        for token in tokens:
            here = child_paths(here, np.array([token]))
        return int(here[0])

    assert len({path(), path(0), path(0, 0), path(1, 2), path(2, 1), path(3)}) == 6


def test_both_samplers_of_binomials_are_used():
    assert 40 * 0.0199 < randomness._INVERSION_MEAN < 100_000 * 0.05
