"""Chance levels and item counts of the benchmarks."""

import pytest

from public_tables.benchmarks import BENCHMARKS, CORRECTIONS


@pytest.mark.parametrize("task", BENCHMARKS)
def test_chance_is_a_guessers_score(task):
    about = BENCHMARKS[task]
    if about.chance and task != "boolq":
        options = 1 / about.chance
        assert options == pytest.approx(round(options)) and 2 <= options <= 5
    assert about.num_items >= 100


def test_what_upstream_has_wrong_is_right_here():
    assert BENCHMARKS["socialiqa"].chance == pytest.approx(1 / 3) and BENCHMARKS["csqa"].chance == pytest.approx(1 / 5)
    assert BENCHMARKS["arc_challenge"].num_items == 1172 and BENCHMARKS["boolq"].chance > 0.6
    assert len({source + wrong for source, wrong, *_ in CORRECTIONS}) == len(CORRECTIONS)
