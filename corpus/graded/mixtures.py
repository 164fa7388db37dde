"""Mixtures of the second world: drawn around a stated mean from a registered seed, not tuned until abilities set in.

v2a, v2b and v2c are judged; v2cal, the fourth draw, serves to choose learning rates and budgets and enters no result;
v2n has the shares of v2a. Each is a draw from a Dirichlet distribution (through gamma variates) whose parameters sum to
CONCENTRATION times the number of kinds.
"""

import random

DIRICHLET_SEED = 20261126
CONCENTRATION = 10.0
MEAN_SHARES: dict[str, float] = {  # token shares of English in percent
    "fact_page": 12,
    "faq_page": 6,
    "lookup_page": 6,
    "listing_page": 3,
    "caption_page": 7,
    "exam_page": 14,
    "reading_page": 10,
    "errand_page": 7,
    "pronoun_page": 7,
    "problem_page": 14,
    "sum_page": 7,
    "word_puzzle_page": 2.5,
    "spelling_page": 1.5,
    "changed_sum_page": 3,
}
SHARE_DIGITS = 2  # the last digit of a C library's logarithm must not make another corpus


def draw_shares(names: tuple[str, ...], seed: int = DIRICHLET_SEED) -> dict[str, dict[str, float]]:
    """Shares in percent of each mixture, one Dirichlet draw after another."""
    rng, drawn = random.Random(seed), {}
    scale = CONCENTRATION * len(MEAN_SHARES) / sum(MEAN_SHARES.values())
    for name in names:
        gammas = {kind: rng.gammavariate(scale * share, 1.0) for kind, share in MEAN_SHARES.items()}
        total = sum(gammas.values())
        drawn[name] = {kind: round(100 * gamma / total, SHARE_DIGITS) for kind, gamma in gammas.items()}
    return drawn


GRADED_MIXTURES = draw_shares(("v2a", "v2b", "v2c", "v2cal"))
GRADED_MIXTURES["v2n"] = GRADED_MIXTURES["v2a"]
