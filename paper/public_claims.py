"""Claims on public tables: those of claims.yaml that a table of other people's models can judge, their criteria
unchanged, and some of our own. An id is that of the claim, "_on_", and the table."""

import math
from dataclasses import dataclass
from pathlib import Path

from files.tables import read_yaml
from paper.claims import OPERATORS, PAPERS, REMEDY, Criterion
from public_tables.benchmarks import BENCHMARKS

CLAIMS_PUBLIC_FILE = Path(__file__).with_name("claims_public.yaml")
# Judged by the same code, and left out: simulation says that these tables cannot decide them.
DROPPED_PUBLIC_FILE = Path(__file__).with_name("claims_public_dropped.yaml")
LEAST_TRUE, MOST_WRONG = 0.8, 0.05  # power where a claim is true, share of verdicts where it is false
PUBLIC_TASKS = (*BENCHMARKS, "math", "gsm8k")
# Table's name in an id -> for people.
PUBLIC_DATA_SETS = {
    "olmo": "OLMo 190M to 13B, cloze",
    "letters": "OLMo-2 7B and 13B, by letter",
    "pythia": "Pythia 160M to 12B",
    "gadre": "open_lm 11M to 6.9B",
    "gemstones": "Gemstones 50M to 2B",
    "math": "Pythia 70M to 12B, MATH",
    "gsm8k": "Pythia, GSM8K",
}
# Claims of version 1 that version 2 asks in another way -> the claim of version 2.
ASKED_ANEW = {"size_effect_small": "loss_suffices_for_all_sizes"}
PUBLIC_FIELDS = {"id", "source", "claim", "folder", "statistic", "unit", "tasks", "criterion", "power"}


@dataclass(frozen=True)
class PublicClaim:
    """One claim on one table, judged once per task; power: shares of simulated tables with the verdict "replicated"
    where it is true (if_true) and where it is false (if_false), at these runs and items (at)."""

    id: str
    paper: str
    source: str
    claim: str
    folder: str
    statistic: str
    unit: str
    tasks: tuple[str, ...]
    criterion: Criterion
    power: dict


def load_public_claims(check_power: bool = True, with_dropped: bool = False) -> list[PublicClaim]:
    """The registered claims (and the dropped ones), in the order of their files. ValueError in one line naming file,
    claim, field and remedy."""
    claims = _claims_of(CLAIMS_PUBLIC_FILE, check_power)
    if with_dropped:
        claims += _claims_of(DROPPED_PUBLIC_FILE, False)
    names = [claim.id for claim in claims]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{CLAIMS_PUBLIC_FILE.name}: claim {twice[0]} stands twice; rename one")
    return claims


def _claims_of(path: Path, check_power: bool) -> list[PublicClaim]:
    content = read_yaml(path, path.name, REMEDY)
    groups, entries = content.get("task_groups"), content.get("claims")
    if not (isinstance(groups, dict) and isinstance(entries, list) and all(isinstance(one, dict) for one in entries)):
        raise ValueError(f"{path.name}: task_groups or claims is missing; {REMEDY}")
    return [_public_claim(path.name, entry, groups, check_power) for entry in entries]


def _public_claim(file: str, entry: dict, groups: dict, check_power: bool) -> PublicClaim:
    name = f"{file}: claim {entry.get('id', '(without id)')}"
    if wrong := PUBLIC_FIELDS ^ (set(entry) - {"paper"}):
        raise ValueError(f"{name}: field {min(wrong)} is missing or unknown; add it or correct its spelling")
    if data_set_of(entry["id"]) not in PUBLIC_DATA_SETS:
        raise ValueError(f"{name}: its id names no table; end it with _on_ and one of {', '.join(PUBLIC_DATA_SETS)}")
    tasks = groups.get(entry["tasks"]) if isinstance(entry["tasks"], str) else entry["tasks"]
    if not tasks or (strange := [task for task in tasks if task != "all" and task not in PUBLIC_TASKS]):
        shown = strange[0] if tasks else entry["tasks"]
        raise ValueError(f"{name}: field tasks: no task or group {shown}; choose one of {', '.join(PUBLIC_TASKS)}")
    if (paper := entry.get("paper", PAPERS[0])) not in PAPERS:
        raise ValueError(f"{name}: field paper is {paper!r}; choose one of {', '.join(PAPERS)}")
    plain = {field: str(entry[field]) for field in PUBLIC_FIELDS - {"tasks", "criterion", "power"}}
    criterion, power = _bound(name, entry["criterion"]), _power(name, entry["power"], check_power)
    return PublicClaim(paper=paper, tasks=tuple(tasks), criterion=criterion, power=power, **plain)


def _bound(name: str, entry: object) -> Criterion:
    known = [operator for operator in OPERATORS if operator != "inside"]
    if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in known:
        raise ValueError(f"{name}: field criterion is {entry!r}; give exactly one of {', '.join(known)}")
    ((operator, bound),) = entry.items()
    if not isinstance(bound, (int, float)) or not math.isfinite(bound):
        raise ValueError(f"{name}: field criterion holds {bound!r}; write a number")
    return Criterion(operator, bound=float(bound))


def _power(name: str, entry: object, is_checked: bool) -> dict:
    remedy = "run `python -m paper.public_power --write`"
    if not isinstance(entry, dict) or set(entry) != {"if_true", "if_false", "at"}:
        raise ValueError(f"{name}: field power is not {{if_true, if_false, at}}; {remedy}")
    if is_checked and not (entry["if_true"] >= LEAST_TRUE and entry["if_false"] <= MOST_WRONG):
        raise ValueError(
            f"{name}: field power: {entry['if_true']:g} if true, {entry['if_false']:g} if false, needs at least"
            f" {LEAST_TRUE:g} and at most {MOST_WRONG:g}; move it to {DROPPED_PUBLIC_FILE.name}"
        )
    return dict(entry)


def base_of(name: str) -> str:
    """The id in claims.yaml, or of a claim of our own, from an id here."""
    return name.rpartition("_on_")[0]


def data_set_of(name: str) -> str:
    """The table's name from an id here."""
    return name.rpartition("_on_")[2]
