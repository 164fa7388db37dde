"""Pass rates of every checkpoint of paper L's long runs, on its tasks that have a threshold."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from ladder.ladder import Ladder
from ladder.measurements.pass_rates import PassRates, lists_answers, pass_rate_code

THRESHOLD_TASKS = ("maths", "maths_zh", "exam", "exam_zh")  # those of paper L whose abilities set in at a loss


@dataclass(frozen=True)
class ThresholdPassRates(PassRates):
    """Pass rates of every checkpoint of paper L's long runs, on its maths and exam tasks."""

    stem: ClassVar[str] = "threshold_pass_rates"
    what: ClassVar[str] = "pass rates along training"
    every_checkpoint: ClassVar[bool] = True

    @property
    def names(self) -> tuple[str, ...]:
        """The long runs."""
        return tuple(name for name, run in self.ladder.runs.items() if run.series == "long")

    def checkpoint_seconds(self, name: str) -> float:
        """As in PassRates."""
        return self.ladder.profile.cost.threshold_core_seconds[self.ladder.runs[name].size]

    def is_held_out(self, name: str) -> bool:
        """No run of paper L is held out."""
        return False

    def known_losses(self, name: str) -> dict[int, tuple[float, str]]:
        """Those that the scores of the run hold, so that both tables say the same of a checkpoint."""
        path = self.ladder.paths.run_tables("scores") / f"{name}.parquet"
        if not path.exists():
            return {}
        rows = pd.read_parquet(path, columns=["tokens_seen", "loss_nats", "weight_hash", "recipe_hash"])
        rows = rows[rows.recipe_hash == self.ladder.recipe_hash(name)].drop_duplicates()
        return {int(row.tokens_seen): (row.loss_nats, row.weight_hash) for row in rows.itertuples()}


def threshold_pass_rates_of(ladder: Ladder) -> ThresholdPassRates:
    """The pass rates of paper L's long runs, as the code measures them now."""
    ladder = ladder.of("loss")
    sampling, data, methods = ladder.profile.passuntil.threshold_sampling, ladder.data(next(iter(ladder.runs))), {}
    for task in THRESHOLD_TASKS:
        exact = (("exact", sampling.temperature),)
        methods[task] = exact if lists_answers(data, task) else (("shared", sampling.temperature), *exact)
    return ThresholdPassRates(ladder, pass_rate_code(), methods, sampling, ladder.profile.evaluation.num_items)
