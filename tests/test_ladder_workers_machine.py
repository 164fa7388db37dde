"""Cores and memory, also on a system without Linux's calls."""

import os
import resource
import sys
from types import SimpleNamespace

import torch

from ladder.workers.machine import num_cores, peak_megabytes, use_one_device


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


def test_a_worker_gets_one_core_or_a_gpu_with_its_share_of_the_cores(monkeypatch):
    before, chosen = torch.get_num_threads(), []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    try:
        assert use_one_device(1, 4) == "cpu" and torch.get_num_threads() == 1
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        assert use_one_device(5, 4) == "cuda" and chosen == [1] and torch.get_num_threads() == 2
        assert use_one_device(0, 40) == "cuda" and torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
