"""Cores and memory, also on a system without Linux's calls."""

import os
import resource
import sys
from types import SimpleNamespace

from ladder.workers.machine import num_cores, peak_megabytes


def test_cores_are_those_this_process_is_bound_to():
    assert num_cores() == (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count())


def test_without_affinity_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert num_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert num_cores() == 1


def test_peak_memory_is_in_the_unit_of_the_system(monkeypatch):
    assert 10 < peak_megabytes() < 100_000
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=512 * 2**20))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak_megabytes() == 512
    monkeypatch.setattr(sys, "platform", "linux")
    assert peak_megabytes() == 512 * 1024
