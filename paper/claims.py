"""Reading claims.yaml: what each paper claims, and the criterion each claim is judged by (the file's head explains the
fields)."""

import math
from dataclasses import dataclass
from pathlib import Path

from files.tables import read_yaml
from tasks import PASS_TASKS, TASKS

CLAIMS_FILE = Path(__file__).with_name("claims.yaml")
CLAIMS_V1_FILE = Path(__file__).with_name("claims_v1.yaml")  # as registered before the first runs; still judged, beside
VERSIONS = (1, 2)
LEAST_POWER, MOST_FALSE = 0.8, 0.05  # else a claim is redesigned, merged or dropped (dropped_claims.md)
REMEDY = "restore it with git or correct it by hand (the head of the file explains the fields)"
OPERATORS = ("at_most", "at_least", "within", "inside")
FIELDS = {"id", "source", "claim", "folder", "statistic", "unit", "tasks", "criterion"}
OPTIONAL_FIELDS = {"paper", "paper_value", "on_most", "version", "power"}
PAPERS = ("L", "P", "ext")  # ext: beyond the papers
TASK_NAMES = tuple(dict.fromkeys((*TASKS, *PASS_TASKS)))


@dataclass(frozen=True)
class Criterion:
    """`operator` is one of OPERATORS. `bound` for the first three; `reference` (a statistic) and `resolution` (share of
    the loss range) for "inside"."""

    operator: str
    bound: float = 0.0
    reference: str = ""
    resolution: float = 1.0

    def __str__(self) -> str:
        if self.operator == "inside":
            return (
                f"inside the interval of {self.reference}, which spans at most {100 * self.resolution:g} % of the loss"
                " range"
            )
        sign = {"at_most": "<=", "at_least": ">=", "within": "within +-"}[self.operator]
        return f"{sign}{'' if self.operator == 'within' else ' '}{self.bound:g}"


@dataclass(frozen=True)
class Power:
    """Shares of simulated data sets that get the verdict "replicated": where the claim is true, and where it is false;
    `at` says at which runs and items (paper/power.py simulates it)."""

    if_true: float
    if_false: float
    at: str


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, judged once per task. version 1: registered before the first runs, without simulation."""

    id: str
    paper: str
    source: str
    claim: str
    folder: str
    statistic: str
    unit: str
    tasks: tuple[str, ...]
    criterion: Criterion
    paper_value: str = ""
    on_most: bool = False
    version: int = 1
    power: Power | None = None


def load_claims(path: Path = CLAIMS_FILE, check_power: bool = True) -> list[Claim]:
    """All claims of both papers, in the order of the file; check_power: also that their criteria can
    decide. ValueError in one line naming file, claim, field and remedy."""
    content = read_yaml(path, path.name, REMEDY)
    groups, entries, version = content.get("task_groups"), content.get("claims"), content.get("version")
    if version not in VERSIONS:
        raise ValueError(f"{path.name}: field version is {version!r}; known are {', '.join(map(str, VERSIONS))}")
    if not (isinstance(groups, dict) and all(_is_texts(tasks) for tasks in groups.values())):
        raise ValueError(f"{path.name}: field task_groups is missing or no mapping of lists of tasks; {REMEDY}")
    if not (isinstance(entries, list) and entries and all(isinstance(entry, dict) for entry in entries)):
        raise ValueError(f"{path.name}: field claims is missing or no list of claims; {REMEDY}")
    claims = [_claim(path.name, entry, groups, version, check_power) for entry in entries]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise ValueError(f"{path.name}: claim {claim.id} stands twice; rename one")
        seen.add(claim.id)
    return claims


def all_claims() -> list[Claim]:
    """The claims of today, and behind them those of version 1 that have been replaced since."""
    today = load_claims()
    known = {claim.id for claim in today}
    return [*today, *(claim for claim in load_claims(CLAIMS_V1_FILE) if claim.id not in known)]


def _claim(file: str, entry: dict, groups: dict[str, list[str]], newest: int, check_power: bool) -> Claim:
    name = f"{file}: claim {entry.get('id', '(without id)')}"
    if absent := FIELDS - set(entry):
        raise ValueError(f"{name}: field {min(absent)} is missing; add it")
    if unknown := set(entry) - FIELDS - OPTIONAL_FIELDS:
        raise ValueError(f"{name}: field {min(unknown)} is unknown; remove it or correct its spelling")
    if isinstance(entry["tasks"], str) and entry["tasks"] not in groups:
        raise ValueError(f"{name}: field tasks: no task group {entry['tasks']}; choose one of {', '.join(groups)}")
    for field in sorted((FIELDS | {"paper_value"}) & set(entry) - {"tasks", "criterion"}):
        if not isinstance(entry[field], str) or (field != "paper_value" and not entry[field].strip()):
            raise ValueError(
                f"{name}: field {field} is {entry[field]!r}, no text; write one, in quotes where it looks like a number"
            )
    if not isinstance(entry.get("on_most", False), bool):
        raise ValueError(f"{name}: field on_most is {entry['on_most']!r}; write true or false")
    tasks = groups[entry["tasks"]] if isinstance(entry["tasks"], str) else entry["tasks"]
    if not _is_texts(tasks):
        raise ValueError(
            f"{name}: field tasks is neither a task group nor a list of tasks; choose one of {', '.join(groups)}"
        )
    if strange := [task for task in tasks if task != "all" and task not in TASK_NAMES]:
        raise ValueError(f"{name}: field tasks: no task {strange[0]}; choose one of {', '.join(TASK_NAMES)}")
    paper = entry.get("paper", PAPERS[0])
    if paper not in PAPERS:
        raise ValueError(f"{name}: field paper is {paper!r}; choose one of {', '.join(PAPERS)}")
    version = entry.get("version", newest)
    if type(version) is not int or version not in VERSIONS or version > newest:
        raise ValueError(f"{name}: field version is {version!r}; this file holds claims up to version {newest}")
    plain = {field: entry[field] for field in entry if field not in ("paper", "tasks", "criterion", "power", "version")}
    judged = {
        "criterion": _criterion(name, entry["criterion"]),
        "power": _power(name, entry.get("power"), version, check_power),
    }
    return Claim(paper=paper, tasks=tuple(tasks), version=version, **judged, **plain)


def _power(name: str, entry: object, version: int, is_checked: bool) -> Power | None:
    if version == 1:
        if entry is not None:
            raise ValueError(f"{name}: field power: version 1 was registered without one; remove it")
        return None
    if not isinstance(entry, dict) or set(entry) != {"if_true", "if_false", "at"}:
        raise ValueError(
            f"{name}: field power is missing or not {{if_true, if_false, at}}; run `python -m paper.power --write`"
        )
    numbers = [entry["if_true"], entry["if_false"]]
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) and 0 <= one <= 1 for one in numbers):
        raise ValueError(f"{name}: field power holds {numbers}; needs two shares, run `python -m paper.power --write`")
    if is_checked and (entry["if_true"] < LEAST_POWER or entry["if_false"] > MOST_FALSE):
        raise ValueError(
            f"{name}: field power: {entry['if_true']:g} if true, {entry['if_false']:g} if false, needs at least"
            f" {LEAST_POWER:g} and at most {MOST_FALSE:g}; redesign the criterion or move it to dropped_claims.md"
        )
    return Power(float(entry["if_true"]), float(entry["if_false"]), str(entry["at"]))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _criterion(name: str, entry: object) -> Criterion:
    operators = [operator for operator in OPERATORS if operator in entry] if isinstance(entry, dict) else []
    if len(operators) != 1:
        raise ValueError(
            f"{name}: field criterion has {len(operators)} operators; give exactly one of {', '.join(OPERATORS)}"
        )
    allowed = {"inside", "resolution"} if operators[0] == "inside" else {operators[0]}
    if wrong := set(map(str, entry)) ^ allowed:
        raise ValueError(
            f"{name}: field criterion.{min(wrong)} is missing or unknown; {operators[0]} takes"
            f" {', '.join(sorted(allowed))}"
        )
    number = entry["resolution" if operators[0] == "inside" else operators[0]]
    if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
        raise ValueError(f"{name}: field criterion holds {number!r}; write a number")
    if operators[0] != "inside":
        return Criterion(operators[0], bound=float(number))
    if not isinstance(entry["inside"], str):
        raise ValueError(f"{name}: field criterion.inside is {entry['inside']!r}; name a statistic")
    return Criterion("inside", reference=entry["inside"], resolution=float(number))
