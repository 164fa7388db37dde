"""The planned runs of a profile, what is trained of them, and the table that git holds of each paper's runs.

A run is trained where its folder holds run.json and the recipe it was trained by is the recipe of today. Where another
machine trained it, its row in runs.csv says so, and its checkpoints stayed there.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from ladder.data import Data
from ladder.plan import Run, recipe, recipe_hash
from ladder.runs import plan_runs, profile_of_paper
from profiles.paths import PAPERS, Paths
from profiles.profile import Profile


@dataclass(frozen=True)
class Ladder:
    """The planned runs of a profile, of one paper or of both, with their recipes."""

    profile: Profile
    paths: Paths
    runs: dict[str, Run]
    recipes: dict[str, dict]

    @property
    def papers(self) -> list[str]:
        """The papers whose runs are planned here."""
        return list(dict.fromkeys(run.paper for run in self.runs.values()))

    def of(self, paper: str) -> "Ladder":
        """The runs of one paper."""
        runs = {name: run for name, run in self.runs.items() if run.paper == paper}
        return replace(self, runs=runs)

    def recipe_hash(self, name: str) -> str:
        """Recipe hash of a run."""
        return recipe_hash(self.recipes[name])

    def folder(self, name: str) -> Path:
        """Folder of a run."""
        return self.paths.runs(self.runs[name].paper) / name

    def checkpoints(self, name: str) -> list[Path]:
        """The checkpoints of a run as far as they lie here, in order of training."""
        return sorted((self.folder(name) / "checkpoints").glob("*.safetensors"))

    def data(self, name: str) -> Data:
        """What a run reads."""
        return data_of(self.profile, self.paths, self.runs[name].paper, self.runs[name].source)

    def branches(self, name: str) -> list[Run]:
        """Runs that branch from this one."""
        return [run for run in self.runs.values() if run.parent == name]

    def is_trained(self, name: str) -> bool:
        """True where the checkpoints of a run lie here, made by today's recipe and in its number format.

        The format is that of the record: a recipe of before says "auto", and what that was depended on the CPU."""
        is_same = stored_recipe(self.folder(name)) == self.recipes[name]
        return is_same and stored_precision(self.folder(name)) == self.runs[name].train.precision


def data_of(profile: Profile, paths: Paths, paper: str, source: str) -> Data:
    """What the runs of a source (Run.source) read: streams per mixture of paper L, per series of paper P."""
    if paper == "loss":
        return Data(profile, paths.data, further=source if source in profile.corpus.further_mixtures else None)
    return Data(profile_of_paper(profile, paper), paths.data / "passuntil", source)


def sources_of(profile: Profile, paper: str) -> tuple[str, ...]:
    """The sources of a paper's runs, in the order of the profile."""
    return profile.corpus.mixtures if paper == "loss" else tuple(profile.passuntil.series)


def open_ladder(profile: Profile, paths: Paths | None = None, papers: tuple[str, ...] = PAPERS) -> Ladder:
    """Plan a profile's runs over its data. ValueError in one line where the data are absent or of another profile."""
    paths, runs, streams = paths or Paths(profile.name), {}, {}
    hashes: dict[tuple[Path, int], str] = {}
    for paper in papers:
        vocab_size = data_of(profile, paths, paper, sources_of(profile, paper)[0]).tokenizer.get_vocab_size()
        for run in plan_runs(profile, paper, vocab_size):
            data = data_of(profile, paths, paper, run.source)
            key = (data.streams, run.train.data_seed)
            if key not in hashes:  # the runs of a series and seed share their stream
                hashes[key] = data.stream_hash(run.train.data_seed)
            runs[run.name], streams[run.name] = run, hashes[key]
    # Through json, as a folder keeps it: tuples become lists.
    recipes = {name: json.loads(json.dumps(recipe(run, runs, streams))) for name, run in runs.items()}
    return Ladder(profile, paths, runs, recipes)


def stored_recipe(folder: Path) -> dict | None:
    """The recipe a run folder was begun with; None where there is none or it is cut off."""
    try:
        return json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def stored_precision(folder: Path) -> str | None:
    """The number format that a finished run was trained in; None where there is no record or it is damaged."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))["precision"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None
