"""Where results lie: numbers in results/<profile>/, pictures and tables for people in figures/<profile>/, every profile alike.

results/<profile>/loss/        runs of paper L: runs.csv, scores of each checkpoint, pass rates along training
results/<profile>/passuntil/   runs of paper P: runs.csv, pass rates of the last checkpoint, losses of all
results/<profile>/<stem>.csv   statistics of one experiment folder, which its figure is drawn from
results/<profile>/verdicts.json
figures/<profile>/<stem>.png, <stem>.md, report.md, verdict_table.md
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINNED_DATA = "cpu"  # the profile whose data are data/, which data.dvc pins


@dataclass(frozen=True)
class Paths:
    """Where a profile's results lie. `stem` is an experiment folder, e.g. loss_fig1_model_sizes."""

    profile: str
    root: Path = ROOT

    @property
    def results(self) -> Path:
        """Folder of all outputs of training and evaluation."""
        return self.root / "results" / self.profile

    @property
    def figures(self) -> Path:
        """Folder of the pictures, and of the tables for people."""
        return self.root / "figures" / self.profile

    @property
    def lock(self) -> Path:
        """Held by the one process that builds, trains or measures the profile."""
        return self.results / ".lock"

    @property
    def data(self) -> Path:
        """Corpus and items. Those of the default profile are data/, which data.dvc pins; others are made by a stage."""
        return self.root / "data" if self.profile == PINNED_DATA else self.results / "data"

    @property
    def runs(self) -> Path:
        """One folder per run (DVC cache)."""
        return self.results / "loss" / "runs"

    @property
    def runs_table(self) -> Path:
        """One row per run (git)."""
        return self.results / "loss" / "runs.csv"

    @property
    def run_scores(self) -> Path:
        """One small table per run (git): what lets another machine go on without the checkpoints."""
        return self.results / "loss" / "scores"

    @property
    def scores(self) -> Path:
        """Aggregate scores of all runs, the concatenation of run_scores (git)."""
        return self.results / "loss" / "scores.parquet"

    @property
    def items(self) -> Path:
        """Per-item scores (DVC cache), a folder with one parquet per run; pandas.read_parquet reads it as one table."""
        return self.results / "loss" / "items.parquet"

    @property
    def series(self) -> Path:
        """One folder per run of paper P's series (DVC cache)."""
        return self.results / "passuntil" / "runs"

    @property
    def series_table(self) -> Path:
        """One row per run of the series (git)."""
        return self.results / "passuntil" / "runs.csv"

    @property
    def run_pass_rates(self) -> Path:
        """Of each run of the series, its pass rates and the losses of its checkpoints (git), as run_scores."""
        return self.results / "passuntil" / "pass_rates"

    @property
    def pass_rates(self) -> Path:
        """Pass rates of all runs of the series (git)."""
        return self.results / "passuntil" / "pass_rates.parquet"

    @property
    def series_losses(self) -> Path:
        """Validation loss of every checkpoint of the series (git)."""
        return self.results / "passuntil" / "losses.csv"

    @property
    def run_threshold_pass_rates(self) -> Path:
        """Of each long run of paper L, its pass rates along training (git)."""
        return self.results / "loss" / "threshold_pass_rates"

    @property
    def threshold_pass_rates(self) -> Path:
        """Pass rates of the long runs of paper L (git)."""
        return self.results / "loss" / "threshold_pass_rates.parquet"

    def results_csv(self, stem: str) -> Path:
        """The tidy table of one experiment."""
        return self.results / f"{stem}.csv"

    def figure(self, stem: str) -> Path:
        """The figure of one experiment."""
        return self.figures / f"{stem}.png"

    @property
    def verdicts(self) -> Path:
        """The computed verdict of each claim."""
        return self.results / "verdicts.json"

    @property
    def report(self) -> Path:
        """The report on all claims."""
        return self.figures / "report.md"

    @property
    def verdict_table(self) -> Path:
        """The verdicts of all claims as one table."""
        return self.figures / "verdict_table.md"
