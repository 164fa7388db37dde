"""Statistics of paper P's claims on counts per item and size: planted laws are found, tables that are none refused."""

import numpy as np
import pandas as pd
import pytest

from analysis.table_statistics.passes import PASS_STATISTICS, pass_statistic, pass_table

SIZES = np.array([7e7, 1.6e8, 4.1e8, 1e9, 2.8e9, 6.9e9])
ATTEMPTS = 200_000


def planted(alpha=0.3, spread=0.0, bend=0.0, items=60, seed=0):
    """Items with F = level - alpha_i log N + bend log^2 N about the middle size, and a loss that follows F."""
    rng, parts = np.random.default_rng(seed), []
    level = rng.normal(1.6, 0.3, items)
    alphas = alpha * (1 + spread * rng.normal(size=items))
    x = np.log(SIZES) - np.log(SIZES).mean()
    for place, step in enumerate(x):
        f = level - alphas * step + bend * step**2
        parts.append(
            pd.DataFrame(
                {
                    "num_parameters": SIZES[place],
                    "item": np.arange(items),
                    "passes": rng.binomial(ATTEMPTS, np.exp(-np.exp(f))),
                    "attempts": ATTEMPTS,
                    "answer_loss": f + 0.05 * rng.normal(size=items),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def lawful():
    return pass_table(planted(spread=0.3), 1)


def test_items_that_follow_the_law_are_predicted_and_straight(lawful):
    assert pass_statistic("item_law_r2", lawful).low > 0.95
    assert pass_statistic("loss_rank", lawful).low > 0.9
    assert pass_statistic("exponent_spread", lawful).estimate == pytest.approx(0.3, abs=0.12)
    instance = pass_statistic("instance_deviation_percent", lawful)
    assert abs(instance.estimate) < 10


def test_one_exponent_for_all_items_is_seen_as_none():
    assert pass_statistic("exponent_spread", pass_table(planted(), 1)).estimate < 0.05


def test_a_bend_is_found_with_its_sign_and_spoils_the_prediction():
    straight, bent = (pass_table(planted(bend=bend), 2) for bend in (0.0, 0.05))
    assert pass_statistic("bend_share", bent).low > 0.08 > pass_statistic("bend_share", straight).high
    for name in ("dataset_deviation_percent", "dataset_deviation_of_these_runs"):
        assert pass_statistic(name, bent).estimate > 60 > 20 > abs(pass_statistic(name, straight).estimate)
    assert pass_statistic("held_out_error_share", bent).estimate > 0.2
    assert abs(pass_statistic("held_out_error_share", straight).estimate) < 0.1


def test_hidden_sizes_are_those_that_one_attempt_an_item_scores_zero():
    rows = planted()
    rates = {7e7: 0.0004, 1.6e8: 0.002}
    few = rows.num_parameters.map(lambda size: rates.get(size, 0.05))
    table = pass_table(rows.assign(passes=(few * ATTEMPTS).round()), 1)
    assert pass_statistic("decades_resolved", table).estimate == pytest.approx(-np.log10(0.0004 * 60), abs=0.01)
    rise = pass_statistic("hidden_rise_decades", table)
    assert rise.low < np.log10(5) < rise.high and rise.high - rise.low < 0.1
    nothing = pass_table(rows.assign(passes=(0.05 * ATTEMPTS)), 1)
    assert pass_statistic("decades_resolved", nothing).status.startswith("failed: no size is hidden")


def test_the_better_level_wins(lawful):
    found = pass_statistic("instance_advantage", lawful)
    assert np.isfinite([found.low, found.estimate, found.high]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="passes"), "columns passes: missing"),
        (lambda rows: pd.concat([rows, rows.iloc[:1]]), "item 0 stands twice at size 7e[+]07"),
        (lambda rows: rows.assign(passes=rows.attempts + 1), "are no counts"),
        (lambda rows: rows.iloc[1:], "item 0 is missing at size 7e[+]07"),
        (lambda rows: rows[rows.num_parameters < 3e8], "2 sizes, 1 held out: needs 1 or more, and 3 to fit"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        pass_table(change(planted()), 1)


def test_a_loss_that_is_not_there_and_an_unknown_name():
    table = pass_table(planted().drop(columns="answer_loss"), 1)
    with pytest.raises(ValueError, match="needs the column of that loss"):
        pass_statistic("loss_rank", table)
    with pytest.raises(ValueError, match="nonsense: no statistic of a table of passes; use decades_resolved"):
        pass_statistic("nonsense", table)
    assert all(about.unit for about in PASS_STATISTICS.values())
