"""The stages of the pipeline as one table, from which every dvc.yaml is made (see reproduction/pipeline.py).

DVC does not follow Python imports, so dependencies are read from them here: of a stage's own modules the files in
experiments/ they reach, and of every library room they reach the whole room. Edit a room, and exactly the stages that
use it are stale.
"""

from pathlib import Path

from experiments import experiment_stems
from ladder.code import imported_modules, module_file
from profiles.paths import PINNED_DATA, ROOT, Paths
from profiles.profile import headline_papers

LIBRARY_ROOMS = ("kernels", "models", "corpus", "tasks", "evaluation", "analysis")
# Sections of a profile each stage reads; `sweep` and `cost` change no result and stand in none.
TRAIN_SECTIONS = ["corpus", "training", "sizes", "long_runs", "small_runs"]
EVALUATE_SECTIONS = [*TRAIN_SECTIONS, "evaluation"]
SERIES_FIELDS = (
    "sequence_length",
    "batch_sequences",
    "series",
    "sizes",
    "tokens",
    "seeds",
    "num_checkpoints",
    "validation_sequences",
    "num_items",
)
SERIES_SECTIONS = ["corpus", "training", *(f"passuntil.{field}" for field in SERIES_FIELDS)]
MEASURE_SECTIONS = [*SERIES_SECTIONS, "passuntil.held_out", "passuntil.sampling"]
THRESHOLD_SECTIONS = [*TRAIN_SECTIONS, "passuntil.threshold_sampling"]
# Named by every folder's measure.py through what it calls; the command lines that all folders share stand in
# experiments/style/stage.py.
SHARED_BY_FOLDERS = "experiments/style/stage.py"


def code_dependencies(modules: list[str]) -> list[str]:
    """Files of experiments/ and paper/ that these modules reach through imports, and the library rooms they reach, as
    posix paths."""
    files: set[Path] = set()
    rooms: set[str] = set()
    queue = [module_file(name) for name in modules]
    while queue:
        path = queue.pop()
        if path in files:
            continue
        files.add(path)
        for name in imported_modules(path):
            room = name.split(".")[0]
            if room in LIBRARY_ROOMS and room not in rooms:
                rooms.add(room)
                queue += (ROOT / room).rglob("*.py")
            elif room in ("experiments", "paper") and (found := module_file(name)) and found.stat().st_size:
                queue.append(found)
    outside = (path.relative_to(ROOT) for path in files)
    return sorted(
        {
            *rooms,
            *(path.as_posix() for path in outside if path.parts[0] not in LIBRARY_ROOMS and path.name != "__init__.py"),
        }
    )


def train_stage(paths: Paths) -> dict:
    """Training. A finished run does not hang on how it was scheduled, so the scheduler is no dependency."""
    return {
        "cmd": f"python -m ladder.sweep train --profile {paths.profile}",
        "deps": [*code_dependencies(["ladder.plan", "ladder.training"]), relative(paths, paths.data)],
        "params": [{f"profiles/{paths.profile}.yaml": TRAIN_SECTIONS}],
        # Kept between starts, so that finished runs survive a rerun of the stage.
        "outs": [
            {relative(paths, paths.runs("loss")): {"persist": True}},
            {relative(paths, paths.runs_table("loss")): {"cache": False, "persist": True}},
        ],
    }


def evaluate_stage(paths: Paths) -> dict:
    """Scoring of all checkpoints."""
    return {
        "cmd": f"python -m ladder.sweep evaluate --profile {paths.profile}",
        "deps": [*code_dependencies(["ladder.scores"]), relative(paths, paths.data), relative(paths, paths.runs("loss"))],
        "params": [{f"profiles/{paths.profile}.yaml": EVALUATE_SECTIONS}],
        "outs": [
            {relative(paths, paths.items): {"persist": True}},
            {relative(paths, paths.run_tables("scores")): {"cache": False, "persist": True}},
            {relative(paths, paths.scores): {"cache": False}},
        ],
    }


def series_stage(paths: Paths) -> dict:
    """Training of paper P's series."""
    return {
        "cmd": f"python -m ladder.series train --profile {paths.profile}",
        "deps": [*code_dependencies(["ladder.series_plan"]), relative(paths, paths.data)],
        "params": [{f"profiles/{paths.profile}.yaml": SERIES_SECTIONS}],
        "outs": [
            {relative(paths, paths.runs("passuntil")): {"persist": True}},
            {relative(paths, paths.runs_table("passuntil")): {"cache": False, "persist": True}},
        ],
    }


def pass_rates_stage(paths: Paths) -> dict:
    """Pass rates of the series, and the losses of their checkpoints."""
    return {
        "cmd": f"python -m ladder.series measure --profile {paths.profile}",
        "deps": [
            *measure_dependencies(["ladder.series_plan"]),
            relative(paths, paths.data),
            relative(paths, paths.runs("passuntil")),
        ],
        "params": [{f"profiles/{paths.profile}.yaml": MEASURE_SECTIONS}],
        "outs": [
            {relative(paths, paths.run_tables("pass_rates")): {"cache": False, "persist": True}},
            {relative(paths, paths.pass_rates): {"cache": False}},
            {relative(paths, paths.losses): {"cache": False}},
        ],
    }


def threshold_stage(paths: Paths) -> dict:
    """Pass rates of the long runs of paper L on its maths and exam tasks, along training."""
    inputs = (paths.data, paths.runs("loss"), paths.run_tables("scores"))
    return {
        "cmd": f"python -m ladder.series thresholds --profile {paths.profile}",
        "deps": [*measure_dependencies(["ladder.plan"]), *(relative(paths, path) for path in inputs)],
        "params": [{f"profiles/{paths.profile}.yaml": THRESHOLD_SECTIONS}],
        "outs": [
            {relative(paths, paths.run_tables("threshold_pass_rates")): {"cache": False, "persist": True}},
            {relative(paths, paths.threshold_pass_rates): {"cache": False}},
        ],
    }


def measure_dependencies(modules: list[str]) -> list[str]:
    """Code that measures pass rates, together with `modules`. ladder/campaign.py imports what checks the finished table
    too, which changes no row."""
    return sorted({*code_dependencies([*modules, "ladder.pass_rates"]), "ladder/campaign.py"})


def data_stage(paths: Paths) -> dict:
    """Corpus and items of a profile other than the default, whose data/ is pinned by data.dvc instead."""
    return {
        "cmd": f"python -m corpus --profile {paths.profile}",
        "deps": code_dependencies(["corpus.__main__"]),
        "params": [
            {
                f"profiles/{paths.profile}.yaml": [
                    "corpus",
                    "training",
                    "long_runs",
                    "small_runs",
                    "evaluation",
                    "passuntil",
                ]
            }
        ],
        "outs": [{relative(paths, paths.data): {"cache": False}}],
    }


def tables_read(paths: Paths, stem: str) -> list[Path]:
    """The tables of instance results that a folder's measure.py reads, told by what it calls; scores where it calls
    nothing else."""
    text = module_file(f"experiments.{stem}.measure").read_text(encoding="utf-8")
    called = {
        "series_pass_rates": [paths.pass_rates],
        "series_losses": [paths.losses],
        "threshold_pass_rates": [paths.threshold_pass_rates],
        "ladder_scores": [paths.scores, paths.runs_table("loss")],
        "no_table": [],
    }
    found = [tables for word, tables in called.items() if word in text] or [called["ladder_scores"]]
    return [path for tables in found for path in tables]


def experiment_stage(paths: Paths, stem: str) -> dict:
    """One figure or table: instance results to results.csv, results.csv to the picture, and to a table where plot.py
    has one."""
    modules = [f"experiments.{stem}.measure", f"experiments.{stem}.plot"]
    code = code_dependencies(modules)
    read = {
        "paths.runs_table("loss")": paths.runs_table("loss"),
        "paths.data": paths.data,
        "paths.items": paths.items,
        "experiments.tables.published": paths.root / "paper" / "published",
    }
    own = module_file(modules[0]).read_text(encoding="utf-8")
    shared = (
        (ROOT / path).read_text(encoding="utf-8")
        for path in code
        if path.count("/") == 1 and path.endswith(".py") and path != SHARED_BY_FOLDERS
    )
    texts = [own, *shared]
    inputs = [*tables_read(paths, stem), *(path for word, path in read.items() if any(word in text for text in texts))]
    outs = [paths.results_csv(stem), paths.figure(stem)]
    if "def table(" in module_file(modules[1]).read_text(encoding="utf-8"):
        outs.append(paths.figure(stem).with_suffix(".md"))
    stage = {
        "cmd": [f"python -m {module} --profile {paths.profile}" for module in modules],
        "deps": [*code, *dict.fromkeys(relative(paths, path) for path in inputs)],
        "outs": [{relative(paths, path): {"cache": False}} for path in outs],
    }
    if "load_profile(" in own:
        stage["params"] = [
            {
                f"profiles/{paths.profile}.yaml": (
                    [*EVALUATE_SECTIONS, "passuntil"] if "passuntil" in own else EVALUATE_SECTIONS
                )
            }
        ]
    return stage


def verdict_stage(paths: Paths) -> dict:
    """Claims and criteria against the statistics of all experiments."""
    return {
        "cmd": f"python -m paper.verdicts --profile {paths.profile}",
        "deps": [
            *code_dependencies(["paper.verdicts"]),
            "paper/claims.yaml",
            *(relative(paths, paths.results_csv(stem)) for stem in experiment_stems()),
        ],
        "outs": [{relative(paths, paths.verdicts): {"cache": False}}],
    }


def report_stage(paths: Paths) -> dict:
    """The report, and the verdict tables of README that params.yaml takes from this profile."""
    tables = [next(iter(out)) for stem in experiment_stems() for out in experiment_stage(paths, stem)["outs"]]
    inputs = [relative(paths, paths.verdicts), *(path for path in tables if not path.endswith(".png"))]
    outs = [paths.report, paths.verdict_table]
    return {
        "cmd": (
            f"python -m paper.report --profile {paths.profile}"
            + "".join(f" --readme {paper}" for paper in headline_papers(paths.profile))
        ),
        "deps": [*code_dependencies(["paper.report"]), "paper/claims.yaml", "paper/report_source.md", *inputs],
        "outs": [{relative(paths, path): {"cache": False}} for path in outs],
    }


def relative(paths: Paths, path: Path) -> str:
    """A path as dvc.yaml writes it."""
    return path.relative_to(paths.root).as_posix()


def all_stages(profile: str) -> dict[str, dict]:
    """Every stage of a profile by name, in the order of the pipeline."""
    paths = Paths(profile)
    stages = {} if profile == PINNED_DATA else {"data": data_stage(paths)}
    stages |= {"train": train_stage(paths), "evaluate": evaluate_stage(paths)}
    stages |= {
        "train_series": series_stage(paths),
        "pass_rates": pass_rates_stage(paths),
        "threshold_pass_rates": threshold_stage(paths),
    }
    stages |= {stem: experiment_stage(paths, stem) for stem in experiment_stems()}
    return stages | {"verdicts": verdict_stage(paths), "report": report_stage(paths)}
