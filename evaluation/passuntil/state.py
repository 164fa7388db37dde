"""A measurement that goes on after any interruption: what was counted stands beside the table until that is written."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pandas as pd

from evaluation.passuntil.progress import PassProgress
from evaluation.passuntil.rows import NAMES, Plan, measure_item
from files.atomic import atomic_write

SAVE_SECONDS = 5.0


class State:
    """Finished rows and the item under way, kept in a file beside the table; written at most every few seconds, and
    when the command ends."""

    def __init__(self, path: Path, settings: dict[str, object]):
        self.path, self._settings, self._last = path, settings, -math.inf
        self.rows: dict[int, dict] = {}
        self.open: dict[int, dict] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            found = held["settings"]
            rows, under_way = (
                {int(item_id): entry for item_id, entry in held[name].items()} for name in ("rows", "open")
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self.path}: damaged state of an interrupted measurement ({error}); delete it to begin anew"
            ) from error
        for name, wanted in self._settings.items():
            if name not in NAMES and found.get(name) != wanted:
                models = (
                    f"; begun with --model {found['model']}, continued with --model {self._settings['model']}"
                    if "model" in found
                    else ""
                )
                raise ValueError(
                    f"{self.path}: state of another measurement (field {name} is {found.get(name)!r}, not"
                    f" {wanted!r}{models}); continue it with what it was begun with, delete it or name another --out"
                )
        self.rows, self.open = rows, under_way

    def save(self, is_due: bool = False) -> None:
        """Writes the file, atomically; without `is_due` only when the last time is some seconds ago."""
        if is_due or time.monotonic() - self._last >= SAVE_SECONDS:
            atomic_write(
                self.path, json.dumps({"settings": self._settings, "rows": self.rows, "open": self.open}).encode()
            )
            self._last = time.monotonic()

    def save_or_remove(self) -> None:
        """Writes the file, or removes it where nothing is worth keeping."""
        if self.rows or self.open:
            self.save(is_due=True)
        else:
            self.path.unlink(missing_ok=True)


def measure_plan(plan: Plan, state: State, progress: PassProgress) -> pd.DataFrame:
    """All items, the finished ones from the state. The state is written whatever ends this."""
    pieces = plan.model.pieces(plan.decoding.first_stop)
    try:
        for item in plan.task.items:
            if item.item_id in state.rows:
                continue

            def on_progress(held: dict, item_id: int = item.item_id) -> None:
                state.open = {item_id: held}
                state.save()
                progress.update(
                    len(state.rows), max(held["attempts"] / plan.cap, held["passes"] / (plan.target or math.inf))
                )

            try:
                row = measure_item(plan, item, pieces, state.open.get(item.item_id), on_progress)
            except ValueError as error:
                kept = f"; {len(state.rows)} items are finished and kept in {state.path}" if state.rows else ""
                raise ValueError(f"task {plan.task.name}, item {item.item_id}: {error}{kept}") from error
            state.rows[item.item_id], state.open = row, {}
            state.save()
            progress.update(len(state.rows), 0.0)
    finally:
        state.save_or_remove()
    return pd.DataFrame([state.rows[item.item_id] for item in plan.task.items])
