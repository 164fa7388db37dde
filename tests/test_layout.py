"""The house rules that a machine can check: which room may import which, how long files and functions are, what a
figure folder holds."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Room -> the rooms right below it, which it may import, and with them all that those may import.
BELOW = {
    "install": (),
    "files": (),
    "kernels": (),
    "analysis": (),
    "sandbox": (),
    "profiles": ("files",),
    "models": ("kernels", "files"),
    "corpus": ("files", "profiles"),
    "public_tables": ("files", "profiles", "analysis"),
    "tasks": ("corpus", "sandbox"),
    "evaluation": ("models", "tasks", "sandbox"),
    "ladder": ("evaluation", "profiles"),
    "experiments": ("ladder", "analysis", "public_tables"),
    "paper": ("experiments",),
    "reproduction": ("paper",),
    "benchmarks": ("reproduction",),
}
# Library rooms hold no command line and no paths (DESIGN, section 3), but in an entry point of their own.
LIBRARY_ROOMS = {"files", "kernels", "analysis", "sandbox", "models", "corpus", "tasks", "evaluation"}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_KERNEL_LINES = 300, 60, 80
MAX_TEST_LINES = 350  # of a test file: one per source file, and cases are long
BANNED_FILES = {"utils.py", "common.py", "helpers.py", "misc.py"}
# Tested through what uses them: tables of words and names, inner parts, and all tasks by one class of checks.
TESTED_TOGETHER = {
    "analysis/onset/shapes.py": "test_analysis_onset_threshold.py",
    "analysis/task_law/counts.py": "test_analysis_task_law_fit.py",
    "analysis/task_law/growth_curves.py": "test_analysis_task_law_circuits.py",
    "analysis/task_law/joint_law.py": "test_analysis_task_law_loss_law.py",
    "corpus/build.py": "test_corpus_main.py",
    "corpus/graded/chinese.py": "test_corpus_graded_world.py",
    "corpus/graded/english.py": "test_corpus_graded_world.py",
    "corpus/graded/fact_pages.py": "test_corpus_graded_pages.py",
    "corpus/graded/number_pages.py": "test_corpus_graded_pages.py",
    "corpus/graded/text_pages.py": "test_corpus_graded_pages.py",
    "corpus/graded/language.py": "test_corpus_graded_world.py",
    "corpus/language.py": "test_corpus_documents.py",
    "corpus/lexicon.py": "test_corpus_documents.py",
    "corpus/token_file.py": "test_corpus_stream.py",
    "corpus/tokenizer_training.py": "test_corpus_tokenizer.py",
    "evaluation/passuntil/inputs.py": "test_evaluation_passuntil_main.py",
    "evaluation/passuntil/planning.py": "test_evaluation_passuntil_main.py",
    "evaluation/passuntil/state.py": "test_evaluation_passuntil_progress.py",
    "evaluation/readers/forward.py": "test_evaluation_scoring_log_likelihoods.py",
    "evaluation/readers/pieces.py": "test_evaluation_readers_encoding.py",
    "evaluation/scoring/item_tables.py": "test_evaluation_scoring_log_likelihoods.py",
    "experiments/public/drawing.py": "test_experiments_public_stage.py",
    "experiments/public/folders.py": "test_experiments_public_stage.py",
    "experiments/public/statistics.py": "test_experiments_public_folders.py",
    "experiments/style/axes.py": "test_experiments_style_plotting.py",
    "experiments/style/markdown.py": "test_experiments_style_plotting.py",
    "experiments/tables/names.py": "test_experiments_tables_scores.py",
    "experiments/tables/results.py": "test_experiments_tables_scores.py",
    "experiments/tables/stage.py": "test_experiments_style_stage.py",
    "ladder/ladder.py": "test_ladder_runs.py",
    "ladder/live_stream.py": "test_ladder_data.py",
    "ladder/measurements/columns.py": "test_ladder_measurements_pass_rates.py",
    "ladder/measurements/thresholds.py": "test_ladder_measurements_pass_rates.py",
    "profiles/paths.py": "test_profiles_profile.py",
    "public_tables/sources.py": "test_public_tables_table.py",
    "tasks/__main__.py": "test_corpus_main.py",
    "tasks/bigbench.py": "test_tasks_base.py",
    "tasks/graded/facts.py": "test_tasks_graded.py",
    "tasks/graded/items.py": "test_tasks_graded.py",
    "tasks/graded/numbers.py": "test_tasks_graded.py",
    "tasks/graded/solver.py": "test_tasks_graded.py",
    "tasks/graded/texts.py": "test_tasks_graded.py",
    "tasks/knowledge.py": "test_tasks_base.py",
    "tasks/language.py": "test_tasks_base.py",
    "tasks/maths.py": "test_tasks_base.py",
    "tasks/real/files.py": "test_tasks_real_rows.py",
    "tasks/real/forms.py": "test_tasks_real_rows.py",
    "tasks/real/pass_checkers.py": "test_tasks_real_passes.py",
}
FOLDER_FILES = {"README.md", "measure.py", "plot.py", "__init__.py"}


@lru_cache
def tracked() -> list[Path]:
    """Files in git and files that are about to be: what is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def sources() -> list[Path]:
    """All Python files."""
    return [path for path in tracked() if path.suffix == ".py"]


def imported_rooms(source: str) -> set[str]:
    """First parts of all names a source imports."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            rooms.add(node.module.split(".")[0])
    return rooms


def reachable(room: str) -> set[str]:
    """A room and all rooms below it."""
    return {room}.union(*(reachable(below) for below in BELOW[room]))


def wrong_imports(path: str, source: str) -> set[str]:
    """Rooms that the file at `path` (from the root) imports and may not."""
    return (imported_rooms(source) & BELOW.keys()) - reachable(path.split("/")[0])


def count_lines(source: str) -> int:
    """Lines without those that are comment alone: a reason must never cost the space of code."""
    return sum(not line.lstrip().startswith("#") for line in source.splitlines())


def long_functions(source: str) -> list[str]:
    """Names of functions that do not fit on a screen; a Triton kernel may be longer."""
    found, lines = [], source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            is_kernel = any("jit" in ast.unparse(decorator) for decorator in node.decorator_list)
            length = count_lines("\n".join(lines[node.lineno - 1 : node.end_lineno]))
            if length > (MAX_KERNEL_LINES if is_kernel else MAX_FUNCTION_LINES):
                found.append(node.name)
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_go_one_way():
    wrong = {
        relative(path): bad
        for path in sources()
        if path.parent != ROOT and path.relative_to(ROOT).parts[0] in BELOW
        if (bad := wrong_imports(relative(path), path.read_text(encoding="utf-8")))
    }
    assert not wrong


def has_command_line(source: str) -> bool:
    """True for a file that reads arguments or knows where it lies."""
    return "argparse" in imported_rooms(source) or "__file__" in source or "sys.argv" in source


def test_library_rooms_hold_no_command_line_but_their_entry_point():
    found = [
        relative(path)
        for path in sources()
        if relative(path).split("/")[0] in LIBRARY_ROOMS
        and path.name != "__main__.py"
        and has_command_line(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_trainer_is_handed_its_batches():
    assert "corpus" not in imported_rooms((ROOT / "models" / "train.py").read_text(encoding="utf-8"))


def test_a_wrong_import_would_be_found():
    assert wrong_imports("models/train.py", "from corpus import stream") == {"corpus"}
    assert wrong_imports("corpus/__main__.py", "from tasks import TASKS") == {"tasks"}
    assert wrong_imports("ladder/plan.py", "from experiments import tables") == {"experiments"}
    assert not wrong_imports("evaluation/scoring/runner.py", "from kernels import attention")


@pytest.mark.parametrize("path", sources(), ids=relative)
def test_file_keeps_the_house_rules(path):
    source = path.read_text(encoding="utf-8")
    assert path.name not in BANNED_FILES
    longest = MAX_TEST_LINES if path.parent.name == "tests" else MAX_FILE_LINES
    assert count_lines(source) <= longest, f"{count_lines(source)} lines"
    assert not long_functions(source)
    assert not re.search(r"^\s*from \S+ import \*", source, re.MULTILINE)
    assert not re.search(r"^\s*except\s*:", source, re.MULTILINE)
    if source.strip():
        assert ast.get_docstring(ast.parse(source)), "a file says in its first lines what it is"


@pytest.mark.parametrize("command", [("format", "--check"), ("check",)], ids=" ".join)
def test_formatter_and_linter_have_nothing_to_say(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_long_function_would_be_found():
    body = "\n".join(f"    x = {i}" for i in range(MAX_FUNCTION_LINES))
    assert long_functions(f"def f():\n{body}\n") == ["f"]
    assert not long_functions(f"@triton.jit\ndef f():\n{body}\n")


def test_every_source_file_of_a_room_has_its_test_file():
    missing = []
    for path in sources():
        name = relative(path)
        room = name.split("/")[0]
        if (
            room not in BELOW.keys() - {"benchmarks"}
            or path.name == "__init__.py"
            or path.parent in (*experiment_folders(), *public_folders())
        ):
            continue
        test = TESTED_TOGETHER.get(name, f"test_{name.replace('/__main__', '/main').replace('/', '_')}")
        if not (ROOT / "tests" / test).exists():
            missing.append(name)
    assert not missing


def public_folders() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "experiments" / "public").glob("*/__init__.py"))


def experiment_folders() -> list[Path]:
    beside = {"__pycache__", "tables", "style", "public"}
    return sorted(path for path in (ROOT / "experiments").iterdir() if path.is_dir() and path.name not in beside)


@pytest.mark.parametrize("folder", [*experiment_folders(), *public_folders()], ids=lambda folder: folder.name)
def test_figure_folder_has_its_files(folder):
    present = {path.name for path in tracked() if path.parent == folder}
    assert present == FOLDER_FILES


@pytest.mark.parametrize("profile", ["cpu", "full"])
def test_results_are_there_where_a_profile_was_run(profile):
    for folder in experiment_folders():
        assert (ROOT / "results" / profile / f"{folder.name}.csv").exists()
        assert (ROOT / "figures" / profile / f"{folder.name}.png").exists()


def test_results_of_public_tables_are_there():
    for folder in public_folders():
        assert (ROOT / "results" / "public" / f"{folder.name}.csv").exists()
        assert (ROOT / "figures" / "public" / f"{folder.name}.png").exists()


def test_rooms_are_ours_although_packages_of_the_same_name_are_published():
    code = "import kernels, transformers; from transformers import LlamaForCausalLM; print(kernels.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert Path(printed).resolve().is_relative_to(ROOT / "kernels")


def test_no_file_names_a_place_on_one_machine():
    pattern = re.compile(r"(?<![\w./])/(work|tmp|home|root|Users|mnt|fsx)/\w")
    texts = [
        path
        for path in tracked()
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".txt", ".json", ".csv", ".lock", ".dvc", "")
        and path != Path(__file__)
    ]
    assert not [relative(path) for path in texts if pattern.search(path.read_text(encoding="utf-8", errors="ignore"))]
    assert pattern.search("see /tmp/x") and not pattern.search("https://a.b/work/x")


def test_no_test_is_named_by_an_address(request):
    """Two workers that collect other names stop the whole suite."""
    assert not [item.nodeid for item in request.session.items if " at 0x" in item.nodeid]


def test_no_test_is_named_by_the_hour():
    """gzip writes the time: what it compresses while tests are collected names a test otherwise a second later."""
    early = re.compile(r"gzip\.compress\((?!.*mtime=0)")
    named = [
        relative(path)
        for path in sources()
        if path.parent.name == "tests" and path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.mark.parametrize"
        and early.search(ast.unparse(node).replace("\n", " "))
        and "ids=" not in ast.unparse(node)
        and "lambda" not in ast.unparse(node)
    ]
    assert not named


def test_all_third_party_imports_are_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        re.split(r"[=<>\[; ]", line)[0]
        for lines in [project["dependencies"], *project["optional-dependencies"].values()]
        for line in lines
    }
    renamed = {"yaml": "pyyaml", "lm_eval": "lm-eval", "llvmlite": "numba", "flash_attn": "flash-attn"}
    renamed |= {"dvc_data": "dvc", "dvc_objects": "dvc", "voluptuous": "dvc"}  # parts of DVC, which pins them
    rooms = [path for path in sources() if path.relative_to(ROOT).parts[0] in BELOW.keys() - {"benchmarks"} | {"tests"}]
    used = set().union(*(imported_rooms(path.read_text(encoding="utf-8")) for path in rooms))
    ours = BELOW.keys() | {"tests"} | {path.stem for path in sources() if path.parent.name == "tests"}
    outside = {renamed.get(name, name) for name in used if name not in sys.stdlib_module_names and name not in ours}
    assert outside <= named
