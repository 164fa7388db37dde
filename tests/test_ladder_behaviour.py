"""A run stands while today's code trains as yesterday's did, and falls when any term of the update changes."""

import pytest

import models.optimizer
import models.train
from ladder import behaviour
from ladder.behaviour import FILE_NAME, has_changed, remember, training_losses


@pytest.fixture(autouse=True)
def forget():
    """No losses of one test's code for the next."""
    training_losses.cache_clear()
    yield
    training_losses.cache_clear()


def test_losses_fall_and_are_the_same_again():
    first = training_losses("fp32")
    training_losses.cache_clear()
    assert training_losses("fp32") == first
    assert first[0] > first[1] > first[2]


def test_the_same_code_leaves_a_run_alone(tmp_path):
    remember(tmp_path, "fp32")
    assert not has_changed(tmp_path, "fp32")


def test_a_folder_without_a_memory_counts_as_changed(tmp_path):
    assert has_changed(tmp_path, "fp32")
    (tmp_path / FILE_NAME).write_text('{"losses')
    assert has_changed(tmp_path, "fp32")


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_another_learning_rate_rule_is_noticed(tmp_path, monkeypatch, factor):
    remember(tmp_path, "fp32")
    rule = models.optimizer.learning_rate
    monkeypatch.setattr(models.train, "learning_rate", lambda config, step: factor * rule(config, step))
    training_losses.cache_clear()
    assert has_changed(tmp_path, "fp32")


def test_rounding_is_not_noticed(tmp_path, monkeypatch):
    remember(tmp_path, "fp32")
    rule = models.optimizer.learning_rate
    monkeypatch.setattr(models.train, "learning_rate", lambda config, step: (1 + 1e-6) * rule(config, step))
    training_losses.cache_clear()
    assert not has_changed(tmp_path, "fp32")
    assert behaviour.TOLERANCE_NATS <= 0.02
