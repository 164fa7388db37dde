"""The harness's side of benchmarks/evaluation.py: lm-evaluation-harness on the exported model and items, one thread.

Run by benchmarks/evaluation.py as `python benchmarks/evaluation_peer.py FOLDER BATCH_SIZE`, possibly with the Python of
another environment, so it imports no room. FOLDER holds `model/` (transformers format) and `tasks/*.yaml` with their
jsonl. Writes FOLDER/peer.json: per task cpu_seconds, wall_seconds and per item what was found.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

import lm_eval
import torch
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager


def main() -> None:
    """Time loading (once warm) and, task by task, `evaluator.evaluate` alone."""
    folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    names = sorted(path.stem for path in (folder / "tasks").glob("*.yaml"))
    load_peer(folder, batch_size, names)  # imports and caches
    cpu = time.process_time()
    model, tasks_by_name = load_peer(folder, batch_size, names)
    out = {
        "version": lm_eval.__version__,
        "batch_size": batch_size,
        "load_cpu_seconds": time.process_time() - cpu,
        "tasks": {},
    }
    for name in names:
        tasks = tasks_by_name[name]
        wall, cpu = time.perf_counter(), time.process_time()
        found = evaluator.evaluate(model, tasks, bootstrap_iters=0, log_samples=True)
        seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
        out["tasks"][name] = {
            **seconds,
            "responses": [sample["resps"] for sample in samples],
            "score": [sample_score(sample) for sample in samples],
        }
    (folder / "peer.json").write_text(json.dumps(out))


def load_peer(folder: Path, batch_size: int, names: list[str]) -> tuple[HFLM, dict]:
    """Model and tasks, as the harness loads them for every checkpoint."""
    model = HFLM(
        pretrained=str(folder / "model"), device="cpu", dtype="float32", batch_size=batch_size, add_bos_token=True
    )
    manager = TaskManager(include_path=str(folder / "tasks"), include_defaults=False)
    return model, {name: manager.load([name]) for name in names}


def sample_score(sample: dict) -> float:
    """The harness's own metric of one item."""
    return float(sample["acc"] if "acc" in sample else sample["exact_match"])


if __name__ == "__main__":
    main()
