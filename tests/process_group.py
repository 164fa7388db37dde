"""Trains the run of tests/tiny_run.py, alone or as one of several processes: `python -m tests.process_group SETTINGS`.

SETTINGS is json: folder, precision, micro, parallel, and stop_at, the step behind which the first process is asked to
stop, or die_at, the step behind which the last one dies. `start` starts the processes, as torchrun would."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(size: int, command: list[str], **options) -> list[subprocess.CompletedProcess]:
    """Run a command in `size` processes that find each other; what each said."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | address | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        for rank in range(size)
    ]
    done = [(process, *process.communicate(timeout=600)) for process in processes]
    return [subprocess.CompletedProcess(process.args, process.returncode, out, err) for process, out, err in done]


def train_in(size: int, folder: Path, **settings) -> list[subprocess.CompletedProcess]:
    """Train the tiny run in `size` processes."""
    return start(size, ["tests.process_group", json.dumps({"folder": str(folder)} | settings)])


def main(settings: dict) -> int:
    """One process's share."""
    from models.execution import Execution, join_processes
    from models.train import train
    from tests.tiny_run import BATCHES, FINGERPRINT, RUN, SHAPE

    with join_processes() as (world, device):

        def on_progress(progress):
            if progress.step == settings.get("stop_at") and world.is_first:
                os.kill(os.getpid(), signal.SIGTERM)
            if progress.step == settings.get("die_at") and world.rank == world.size - 1:
                os.kill(os.getpid(), signal.SIGKILL)

        execution = Execution(
            settings.get("micro"), settings.get("recompute", False), settings.get("parallel", "ddp"), world
        )
        config = dataclasses.replace(RUN, precision=settings.get("precision", "fp32"), device=device)
        folder = Path(settings["folder"])
        try:
            record = train(SHAPE, config, BATCHES, folder, FINGERPRINT, on_progress, execution=execution)
        except KeyboardInterrupt:
            return 130
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(record.weight_hash)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(main(json.loads(sys.argv[1])))
