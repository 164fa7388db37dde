"""Reading claims.yaml: what each paper claims, and the criterion each claim is judged by (the file's head explains the fields)."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from tasks import PASS_TASKS, TASKS

CLAIMS_FILE = Path(__file__).with_name("claims.yaml")
OPERATORS = ("at_most", "at_least", "within", "inside")
FIELDS = {"id", "source", "claim", "folder", "statistic", "unit", "tasks", "criterion"}
OPTIONAL_FIELDS = {"paper", "paper_value", "on_most"}
PAPERS = ("L", "P", "ext")  # ext: beyond the papers
TASK_NAMES = tuple(dict.fromkeys((*TASKS, *PASS_TASKS)))


@dataclass(frozen=True)
class Criterion:
    """`operator` is one of OPERATORS. `bound` for the first three; `reference` (a statistic) and `resolution` (share of the loss range) for "inside"."""

    operator: str
    bound: float = 0.0
    reference: str = ""
    resolution: float = 1.0

    def __str__(self) -> str:
        if self.operator == "inside":
            return f"inside the interval of {self.reference}, which spans at most {100 * self.resolution:g} % of the loss range"
        sign = {"at_most": "<=", "at_least": ">=", "within": "within +-"}[self.operator]
        return f"{sign}{'' if self.operator == 'within' else ' '}{self.bound:g}"


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, judged once per task."""

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


def load_claims(path: Path = CLAIMS_FILE) -> list[Claim]:
    """All claims of both papers, in the order of the file. ValueError in one line naming file, claim, field and mend."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = content["task_groups"]
    claims = [_claim(path.name, entry, groups) for entry in content["claims"]]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise ValueError(f"{path.name}: claim {claim.id} stands twice; rename one")
        seen.add(claim.id)
    return claims


def _claim(file: str, entry: dict, groups: dict[str, list[str]]) -> Claim:
    name = f"{file}: claim {entry.get('id', '(without id)')}"
    if absent := FIELDS - set(entry):
        raise ValueError(f"{name}: field {min(absent)} is missing; add it")
    if unknown := set(entry) - FIELDS - OPTIONAL_FIELDS:
        raise ValueError(f"{name}: field {min(unknown)} is unknown; remove it or mend its spelling")
    if isinstance(entry["tasks"], str) and entry["tasks"] not in groups:
        raise ValueError(f"{name}: field tasks: no task group {entry['tasks']}; choose one of {', '.join(groups)}")
    tasks = groups[entry["tasks"]] if isinstance(entry["tasks"], str) else entry["tasks"]
    if strange := [task for task in tasks if task != "all" and task not in TASK_NAMES]:
        raise ValueError(f"{name}: field tasks: no task {strange[0]}; choose one of {', '.join(TASK_NAMES)}")
    paper = entry.get("paper", PAPERS[0])
    if paper not in PAPERS:
        raise ValueError(f"{name}: field paper is {paper!r}; choose one of {', '.join(PAPERS)}")
    fields = {field: entry[field] for field in entry if field not in ("paper", "tasks", "criterion")}
    return Claim(paper=paper, tasks=tuple(tasks), criterion=_criterion(name, entry["criterion"]), **fields)


def _criterion(name: str, entry: dict) -> Criterion:
    operators = [operator for operator in OPERATORS if operator in entry]
    if len(operators) != 1:
        raise ValueError(f"{name}: field criterion has {len(operators)} operators; give exactly one of {', '.join(OPERATORS)}")
    if operators[0] == "inside":
        return Criterion("inside", reference=entry["inside"], resolution=float(entry["resolution"]))
    return Criterion(operators[0], bound=float(entry[operators[0]]))
