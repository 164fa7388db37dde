"""How the steps of a run are worked through: in which parts, over which processes. Nothing here is part of a recipe: a
run may go on with another execution from where it stopped, and ends with the same weights but for the order of sums.

One process with `micro_sequences` and several processes that share a batch add up the same parts: two processes and one
process with half a batch at a time give the same bytes, since there is one sum of two parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only plans need not wait for torch
    import torch

PARALLEL = ("ddp", "fsdp")
PEER_SECONDS = 300  # a peer that says nothing for so long counts as dead


@dataclass(frozen=True)
class Peers:
    """This process among those that train a run together."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """True in the process that writes files and speaks."""
        return self.rank == 0

    def rows(self, num_rows: int) -> slice:
        """The rows of a batch that are this process's. ValueError where they cannot be shared evenly."""
        if num_rows % self.size:
            raise ValueError(
                f"{self.size} processes cannot share {num_rows} sequences evenly; start a number of processes that"
                " divides training.batch_sequences"
            )
        share = num_rows // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def add_up(self, tensor: torch.Tensor) -> None:
        """Sum of the tensors of all processes, in place. ValueError in one line where a peer has ended."""
        if self.size > 1:
            import torch.distributed as dist

            try:
                dist.all_reduce(tensor)
            except RuntimeError as error:
                raise _lost(self, error) from error

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            import torch.distributed as dist

            try:
                dist.barrier()
            except RuntimeError as error:
                raise _lost(self, error) from error

    def told(self, value: object) -> object:
        """The value of the first process."""
        values = [value]
        if self.size > 1:
            import torch.distributed as dist

            try:
                dist.broadcast_object_list(values)
            except RuntimeError as error:
                raise _lost(self, error) from error
        return values[0]

    def all_say(self, value: str) -> bool:
        """True where every process has the same value."""
        values: list[object] = [value] * self.size
        if self.size > 1:
            import torch.distributed as dist

            dist.all_gather_object(values, value)
        return set(values) == {value}


def _lost(world: Peers, error: RuntimeError) -> ValueError:
    reason = (str(error).strip().splitlines() or ["?"])[0][:160]
    return ValueError(
        f"process {world.rank} of {world.size}: another process ended or cannot be reached ({reason}); nothing is lost,"
        " start the same command again to go on from the last state"
    )


@dataclass(frozen=True)
class Execution:
    """micro_sequences: sequences of this process worked through at a time, all of them where None. recompute: keep the
    input of each block alone and compute its inside again in the backward pass. parallel: "ddp", where every process
    holds all weights and the gradients are added up once a step, or "fsdp", where each holds a part of weights,
    gradients and moments."""

    micro_sequences: int | None = None
    recompute: bool = False
    parallel: str = "ddp"
    world: Peers = Peers()

    def __post_init__(self):
        if self.parallel not in PARALLEL:
            raise ValueError(f"parallel is {self.parallel!r}; choose one of {', '.join(PARALLEL)}")

    def micro_batches(self, batch_sequences: int) -> int:
        """In how many parts this process works through its rows. ValueError where they are no whole number."""
        rows = self.world.rows(batch_sequences)
        share = rows.stop - rows.start
        micro = self.micro_sequences or share
        if share % micro:
            raise ValueError(f"micro_sequences {micro} does not divide the {share} sequences of a process; change it")
        return share // micro


def is_started_together() -> bool:
    """True in a process that torchrun started."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


@contextmanager
def join_processes() -> Iterator[tuple[Peers, str]]:
    """Join the processes that torchrun started; gives this one's place and its device.

    ValueError in one line where there are more processes on this machine than GPUs, and where they do not find each
    other."""
    import torch
    import torch.distributed as dist

    world, place = Peers(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])), int(os.environ.get("LOCAL_RANK", "0"))
    is_cuda = torch.cuda.is_available()
    if is_cuda and place >= torch.cuda.device_count():
        raise ValueError(
            f"process {place} of this machine has no GPU, there are {torch.cuda.device_count()}; start fewer with"
            " --nproc-per-node"
        )
    device = "cuda" if is_cuda else "cpu"
    if is_cuda:
        torch.cuda.set_device(place)
    try:
        # gloo beside nccl: objects and barriers of CPU tensors need it.
        dist.init_process_group("cpu:gloo,cuda:nccl" if is_cuda else "gloo", timeout=timedelta(seconds=PEER_SECONDS))
    except (RuntimeError, ValueError) as error:
        raise _lost(world, RuntimeError(str(error))) from error
    try:
        yield world, device
    finally:
        dist.destroy_process_group()
