"""Where results lie: numbers in results/<profile>/, pictures and tables for people in figures/<profile>/, every profile
alike.

results/<profile>/loss/        runs of paper L: runs.csv, scores of each checkpoint, pass rates along training
results/<profile>/passuntil/   runs of paper P: runs.csv, pass rates of the last checkpoint, losses of all
results/<profile>/<stem>.csv   statistics of one experiment folder, which its figure is drawn from
results/<profile>/verdicts.json
figures/<profile>/<stem>.png, <stem>.md, report.md, paper.pdf, verdict_table.md
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINNED_DATA = "cpu"  # the profile whose data are data/, which data.dvc pins
PAPERS = ("loss", "passuntil")  # paper L and paper P: each has a ladder of its own
PAPER_OF = {"scores": "loss", "threshold_pass_rates": "loss", "pass_rates": "passuntil"}  # whose runs are measured


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
    def data_hashes(self) -> Path:
        """md5 and size of every file of the data (git): what says whether other data are the same ones."""
        return self.results / "data.json"

    def runs(self, paper: str) -> Path:
        """One folder per run of a paper's ladder (DVC cache)."""
        return self.results / paper / "runs"

    def runs_table(self, paper: str) -> Path:
        """One row per run of a paper's ladder (git)."""
        return self.results / paper / "runs.csv"

    def run_tables(self, measurement: str) -> Path:
        """One small table per run (git): what lets another machine go on without the checkpoints."""
        return self.results / PAPER_OF[measurement] / measurement

    def table(self, measurement: str) -> Path:
        """The tables of all runs joined (git)."""
        return self.run_tables(measurement).with_suffix(".parquet")

    @property
    def final_items(self) -> Path:
        """Each run's answers to each item at its last checkpoint (git), and which fact or template an item is on: what
        an interval over items is made from."""
        return self.run_tables("scores") / "final_items"

    def due(self, measurement: str) -> Path:
        """Notes of runs that were trained anew after they had been measured, until they are measured again."""
        return self.results / PAPER_OF[measurement] / f"{measurement}_due.partial"

    @property
    def scores(self) -> Path:
        """Scores of every checkpoint of paper L's ladder."""
        return self.table("scores")

    @property
    def pass_rates(self) -> Path:
        """Pass rates of the last checkpoints of paper P's ladder."""
        return self.table("pass_rates")

    @property
    def threshold_pass_rates(self) -> Path:
        """Pass rates along training of the long runs of paper L."""
        return self.table("threshold_pass_rates")

    @property
    def losses(self) -> Path:
        """Validation loss of every checkpoint of paper P's ladder (git)."""
        return self.results / "passuntil" / "losses.csv"

    @property
    def items(self) -> Path:
        """Per-item scores (DVC cache), a folder with one parquet per run; pandas.read_parquet reads it as one table."""
        return self.results / "loss" / "items.parquet"

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
    def verdicts_v1(self) -> Path:
        """The same by the claims of version 1."""
        return self.results / "verdicts_v1.json"

    @property
    def verdict_counts(self) -> Path:
        """How many rows got which verdict: what `dvc metrics show` prints."""
        return self.results / "verdict_counts.json"

    @property
    def report(self) -> Path:
        """The report on all claims."""
        return self.figures / "report.md"

    @property
    def paper(self) -> Path:
        """The report as a paper of some pages."""
        return self.figures / "paper.pdf"

    @property
    def verdict_table(self) -> Path:
        """The verdicts of all claims as one table."""
        return self.figures / "verdict_table.md"
