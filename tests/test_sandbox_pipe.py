"""A server that ends, stands still or says too much is an error in bounded time; signs of life are waited through."""

import os
import resource

import pytest

from sandbox.pipe import read_message, write_all
from sandbox.values import LENGTH, MAX_VERDICT_BYTES, send


@pytest.fixture
def pipe():
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    yield ends
    for end in ends:
        os.close(end)


def test_signs_of_life_are_passed_over(pipe):
    for message in (None, None, [True, "passed"], None):
        send(pipe[1], message)
    assert read_message(pipe[0], 60) == [True, "passed"]
    with pytest.raises(EOFError, match="late"):
        read_message(pipe[0], 0.05)


def test_the_end_in_a_message(pipe):
    os.write(pipe[1], LENGTH.pack(10) + b"[tr")
    ends = os.dup(pipe[0]), os.open(os.devnull, os.O_RDONLY)
    os.dup2(ends[1], pipe[1])  # nobody writes any more
    with pytest.raises(EOFError, match="ended"):
        read_message(ends[0], 60)
    for end in ends:
        os.close(end)


def test_a_message_that_is_too_long(pipe):
    os.write(pipe[1], LENGTH.pack(MAX_VERDICT_BYTES + 1))
    with pytest.raises(ValueError, match="message of 4097 bytes"):
        read_message(pipe[0], 60)


def test_nobody_takes_what_is_written(pipe):
    with pytest.raises(EOFError, match="takes nothing"):
        write_all(pipe[1], b"x" * (1 << 21), 0.05)


def test_descriptors_above_those_of_select(pipe):
    """A program that holds many files open, such as a test run, has such numbers."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1100:
        pytest.skip("no more than 1024 descriptors here")
    high = os.dup2(pipe[0], 1100)
    send(pipe[1], [False, "failed"])
    assert read_message(high, 60) == [False, "failed"]
    os.close(high)
