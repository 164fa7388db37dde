"""Statistics over several tasks: planted onsets, budgets and axes are found, and what is no such table is refused."""

import numpy as np
import pytest

from analysis.table_statistics.tasks import TASKS_STATISTICS, tasks_statistic
from tests.test_analysis_table_statistics_checkpoints import CHANCE, planted, smooth


def hinge_at(eta):
    return lambda loss: CHANCE + 0.3 * np.maximum(eta - loss, 0)


def tables(*curves, **options):
    return {f"task {place}": (planted(curve, seed=place, **options), CHANCE) for place, curve in enumerate(curves)}


def test_tasks_with_one_onset_agree_and_others_do_not():
    one = tasks_statistic("task_onset_spread_share", tables(*map(hinge_at, (3.2, 3.21, 3.2))))
    two = tasks_statistic("task_onset_spread_share", tables(*map(hinge_at, (3.6, 2.9, 3.6))))
    assert one.high < 0.05 and two.low > 0.05
    assert two.low <= two.estimate <= two.high and "task 0, task 1" in two.status


def test_an_ability_that_never_comes_leaves_no_spread():
    flat = tables(hinge_at(3.2), lambda loss: np.full(len(loss), CHANCE))
    assert tasks_statistic("task_onset_spread_share", flat).status.startswith("failed: no onset of task 1")


def test_scores_that_follow_the_loss_scatter_on_compute():
    assert tasks_statistic("spread_ratio", tables(smooth, smooth, hinge_at(3.2))).low > 1


def test_a_shift_between_budgets_is_found_with_its_sign():
    def budgets(by):
        made = {}
        for task, (rows, chance) in tables(smooth, smooth).items():
            is_small = rows.run.str.endswith("2")
            moved = rows.assign(loss_nats=rows.loss_nats + by * is_small)
            made[task] = (moved.assign(series=np.where(is_small, "small", "long")), chance)
        return made

    none, some = (tasks_statistic("budget_shift_share", budgets(by)) for by in (0.0, 0.3))
    span = np.ptp(tables(smooth)["task 0"][0].loss_nats)
    assert abs(none.estimate) < 0.01 and some.estimate == pytest.approx(0.3 / span, abs=0.03)
    assert "3 small runs" in some.status


def test_what_is_no_such_table_is_refused():
    with pytest.raises(ValueError, match="1 task, needs 2 or more"):
        tasks_statistic("spread_ratio", tables(smooth))
    with pytest.raises(ValueError, match="needs the column series"):
        tasks_statistic("budget_shift_share", tables(smooth, smooth))
    with pytest.raises(ValueError, match="nonsense: no statistic of several tasks; use spread_ratio"):
        tasks_statistic("nonsense", tables(smooth, smooth))
    assert all(unit for unit, _ in TASKS_STATISTICS.values())
