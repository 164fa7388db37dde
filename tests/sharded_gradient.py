"""The gradient of the first batch of tests/tiny_run.py by a model in shards: `python -m tests.sharded_gradient FILE`,
in each of the processes that tests/process_group.py starts."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from models.execution import Execution, join_processes
    from models.gpt import GPT
    from models.sharded import ShardedAdamW, ShardedStep
    from tests.tiny_run import BATCHES, RUN, SHAPE, B

    with join_processes() as (peers, _):
        torch.manual_seed(0)
        model = GPT(SHAPE)
        optimizer = ShardedAdamW(model, RUN)
        step = ShardedStep(model, optimizer, "fp32", B, 24, Execution(parallel="fsdp", world=peers))
        batch = torch.from_numpy(next(BATCHES(0)).astype("int64"))
        loss = step(batch[:, :-1], batch[:, 1:])
        found = optimizer.gradients() | {"loss": torch.tensor(loss)}
        if peers.is_first:
            save_file(found, sys.argv[1])
