"""The house rules over all modules at once: no import circles, no name with two meanings, no room
that outgrows the others."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.test_layout import BELOW, LIBRARY_ROOMS, relative, tracked

MAX_ROOM_SHARE = 0.2  # of the lines of all rooms
MAX_MODULES = 15  # of one folder, which a newcomer still overlooks
# The same contract in many files: entry points, and the two functions and the name of every figure folder.
CONTRACTS = {"main", "parser", "measure", "draw", "table"}
# One operation on several paths, by one name.
ONE_MEANING = {"swiglu", "swiglu_backward", "score_contexts", "sequence_losses"}
# Words of committed tables, which stay byte for byte until the claims are registered anew.
KEPT_WORDS = ("hidden runs told from zero",)
# House dialect, and what the field or plain English says instead.
DIALECT = {
    r"\bh[au]ngs? on\b": "depends on",
    r"\bmend(s|ed|ing)?\b": "remedy, repair, fix",
    r"\btold (from|by)\b": "distinguished from, derived from",
    r"\bcan not\b": "cannot",
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the rooms by its dotted name."""
    paths = [path for path in tracked() if path.suffix == ".py" and relative(path).split("/")[0] in BELOW]
    return {relative(path)[:-3].replace("/", ".").removesuffix(".__init__"): path for path in paths}


def module_imports(source: str, known: set[str]) -> set[str]:
    """Modules among `known` that a source imports when it is loaded; an import inside a function is none of them."""
    found = set()
    queue = list(ast.parse(source).body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` loads the module; the package's own file is no step of a circle then.
            found |= members & known if members <= known else members & known | {node.module}
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            queue += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found & known


def import_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other round a circle (strongly connected parts; Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for below in graph[name]:
            if below not in order:
                visit(below)
            if below in stack:
                lowest[name] = min(lowest[name], lowest[below])
        if lowest[name] == order[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1 or name in graph[name]:
                circles.append(sorted(part))

    for name in graph:
        if name not in order:
            visit(name)
    return circles


def public_names(source: str) -> set[str]:
    """Classes and functions at the top of a module whose names are for others."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in ast.parse(source).body if isinstance(node, kinds)}
    return {name for name in names if not name.startswith("_")} - CONTRACTS - ONE_MEANING


def names_twice(named: dict[str, set[str]]) -> dict[str, list[str]]:
    """Names that stand at the top of several modules, and in which."""
    where = defaultdict(list)
    for module, names in named.items():
        for name in names:
            where[name].append(module)
    return {name: places for name, places in where.items() if len(places) > 1}


def test_no_module_imports_round_a_circle():
    known = set(modules())
    graph = {name: module_imports(path.read_text(encoding="utf-8"), known) for name, path in modules().items()}
    assert not import_circles(graph)


def test_a_circle_would_be_found():
    assert import_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert not import_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    known = {"room", "room.one", "room.two"}
    assert module_imports("from room import one\nfrom room.two import name\n", known) == {"room.one", "room.two"}
    assert module_imports("from room import name\ndef f():\n    import room.one\n", known) == {"room"}


def test_nothing_imports_an_entry_point():
    known = set(modules())
    for name, path in modules().items():
        entries = {found for found in module_imports(path.read_text(encoding="utf-8"), known) if "__main__" in found}
        assert not entries, f"{name} imports {entries}; what others need belongs in a module of its own"


def test_no_name_has_two_meanings():
    assert not names_twice({name: public_names(path.read_text(encoding="utf-8")) for name, path in modules().items()})


def test_a_name_with_two_meanings_would_be_found():
    assert names_twice({"a": public_names("class Estimate: ...\ndef main(): ..."), "b": {"Estimate", "main"}}) == {
        "Estimate": ["a", "b"]
    }


def test_no_room_outgrows_the_others():
    lines = defaultdict(int)
    for name, path in modules().items():
        lines[name.split(".")[0]] += len(path.read_text(encoding="utf-8").splitlines())
    shares = {room: count / sum(lines.values()) for room, count in lines.items()}
    assert {room: round(share, 3) for room, share in shares.items() if share > MAX_ROOM_SHARE} == {}


def test_no_folder_holds_more_modules_than_one_can_overlook():
    counts = defaultdict(int)
    for path in modules().values():
        counts[relative(path.parent)] += path.name != "__init__.py"
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_libraries_do_not_draw():
    drawing = {"matplotlib", "seaborn"}
    for name, path in modules().items():
        if name.split(".")[0] in LIBRARY_ROOMS and name != "analysis.onset.picture":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            roots = {
                alias.name.split(".")[0]
                for node in ast.walk(tree)
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            roots |= {
                node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
            }
            assert not roots & drawing, name


@pytest.mark.parametrize("pattern", DIALECT)
def test_words_are_those_of_the_field(pattern):
    written = (
        ".py",
        ".md",
        ".toml",
        ".yml",
    )  # claims.yaml keeps the words it was registered with, and so do its tables
    made = ("figures/",)
    texts = [
        path
        for path in tracked()
        if path.suffix in written and path != Path(__file__) and not relative(path).startswith(made)
    ]
    places = [
        f"{relative(path)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if not line.startswith("|")
        and not any(words in line for words in KEPT_WORDS)
        and re.search(pattern, line, re.IGNORECASE)
    ]
    assert not places, f"write {DIALECT[pattern]}"
