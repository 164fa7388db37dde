"""The paper as a PDF: paper.typ with its macros filled, typeset by Typst with the fonts that it brings along.

The text names numbers by macros (paper/report.py explains those of the report) and gets verdicts, their counts, changes
and cost as data, whatever rows and words verdicts.json holds. Same results, same bytes: date and document id are fixed.
One macro is its own:
  {{public FOLDER TASK STATISTIC[/SERIES or SIZE] [FACTOR [DECIMALS]]}}   a statistic of a public table, and interval"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import typst

from files.atomic import atomic_write
from profiles.paths import Paths

TEXT = Path(__file__).with_name("paper.typ")
CHANGES = Path(__file__).with_name("changes_after_results.md")
DROPPED = Path(__file__).with_name("dropped_claims.md")
PUBLIC = "public"
MACRO = re.compile(r"\{\{([^{}]+)\}\}")
SPECIAL = re.compile(r"([\[\]#$@_<>`\\])")
MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
NONE = "n/a"


def escaped(text: str) -> str:
    """A macro's text as Typst markup: signs that mean something escaped, Markdown's ** made bold."""
    return SPECIAL.sub(r"\\\1", text).replace("**", "*")


def public_number(table: Path, task: str, statistic: str, factor: str = "1", decimals: str = "2") -> str:
    """A statistic of a public results table as value [low, high]; ValueError unless exactly one row holds it."""
    metric, _, series = statistic.partition("/")
    with open(table, newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["kind"] == "statistic"
            and (row["task"], row["metric"]) == (task, metric)
            and series in ("", row["series"], row["size"])
        ]
    if len(rows) != 1:
        raise ValueError(
            f"{TEXT.name}: {len(rows)} rows of {table.name} are {task} {statistic}, where one is meant; name its series"
        )
    shown = [
        f"{float(factor) * float(rows[0][key]):.{int(decimals)}f}" for key in ("value", "low", "high") if rows[0][key]
    ]
    return shown[0] + (f" [{shown[1]}, {shown[2]}]" if len(shown) == 3 else "")


def claim_summaries(verdicts: list[dict], sources: dict[str, str]) -> list[dict]:
    """One row per claim in order: its sentence and source, criterion, range of values, how many tasks got which word.
    sources: claim id -> where the paper says it, for verdicts that do not carry it."""
    claims: dict[str, list[dict]] = {}
    for entry in verdicts:
        claims.setdefault(entry["id"].split(".")[0], []).append(entry)
    rows = []
    for name, entries in claims.items():
        words = Counter(entry["verdict"] for entry in entries)
        values = sorted(entry["value"] for entry in entries if entry["value"] is not None)
        rows.append(
            {
                "id": name,
                "paper": entries[0]["paper"],
                "claim": entries[0]["claim"],
                "source": entries[0].get("source") or sources.get(name, ""),
                "criterion": f"{entries[0]['statistic']} {entries[0]['criterion']}",
                "ours": NONE if not values else " to ".join(dict.fromkeys(map(_short, (values[0], values[-1])))),
                "verdict": ", ".join(word if len(words) == 1 else f"{count} {word}" for word, count in words.items()),
                "tasks": len(entries),
                "folder": entries[0]["folder"],
            }
        )
    return rows


def verdict_rows(verdicts: list[dict]) -> list[list[str]]:
    """One row per verdict: id, value, interval, verdict."""
    return [
        [
            entry["id"],
            NONE if entry["value"] is None else _short(entry["value"]),
            "" if entry["low"] is None else f"{_short(entry['low'])} to {_short(entry['high'])}",
            entry["verdict"],
        ]
        for entry in verdicts
    ]


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.1e}"


def markdown_rows(file: Path) -> list[list[str]]:
    """The rows of a file's Markdown tables, without their heads; none where there is no such file."""
    if not file.exists():
        return []
    lines = [line.strip().strip("|") for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip().replace("`", "") for cell in line.split("|")] for line in lines]
    heads = [place - 1 for place, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
    return [row for place, row in enumerate(cells) if place not in heads and place - 1 not in heads]


def training_cost(table: Path) -> dict[str, str]:
    """Runs, tokens (millions) and core-hours of a paper's runs.csv; n/a where the profile has none."""
    if not table.exists():
        return dict.fromkeys(("runs", "tokens", "hours"), NONE)
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tokens, seconds = (sum(float(row[key]) for row in rows) for key in ("trained_tokens", "train_seconds"))
    return {"runs": str(len(rows)), "tokens": f"{tokens / 1e6:.0f}", "hours": f"{seconds / 3600:.1f}"}


def paper_data(paths: Paths, verdicts: list[dict], sources: dict[str, str]) -> dict:
    """All that paper.typ shows as tables or asks for by name."""
    by_data = paths.root / "results" / PUBLIC / "claims_by_data.csv"
    counts: dict[str, Counter] = {}
    for entry in verdicts:
        counts.setdefault(entry["paper"], Counter())[entry["verdict"]] += 1
    shown = []
    if by_data.exists():
        with open(by_data, newline="", encoding="utf-8") as file:
            shown = list(csv.DictReader(file))
    data = {
        "profile": paths.profile,
        "figures": sorted(
            path.relative_to(paths.root).as_posix()
            for folder in (paths.figures, Paths(PUBLIC, paths.root).figures)
            for path in folder.glob("*.png")
        ),
        "claims": claim_summaries(verdicts, sources),
        "rows": verdict_rows(verdicts),
        "counts": counts,
        "by_data": shown,
        "changes": markdown_rows(CHANGES),
        "dropped": markdown_rows(DROPPED),
        "cost": {paper: training_cost(paths.runs_table(paper)) for paper in ("loss", "passuntil")},
        "seeds": len({seed for entry in verdicts for seed in entry.get("seeds") or ()}),
    }
    return with_signs(data)


def with_signs(part):
    """The same data with the signs of a printed text: <=, >=, +-, and the minus before a number."""
    if isinstance(part, dict):
        return {key: with_signs(value) for key, value in part.items()}
    if isinstance(part, list):
        return [with_signs(value) for value in part]
    if not isinstance(part, str):
        return part
    for typed, printed in (("<=", "≤"), (">=", "≥"), ("+-", "±"), ("R^2", "R²")):
        part = part.replace(typed, printed)
    return MINUS.sub("−", part)


def filled(text: str, paths: Paths, fill: Callable[[str], str]) -> str:
    """The text with its macros replaced; fill knows those of the report. ValueError names an unknown one."""

    def macro(match: re.Match) -> str:
        words = match[1].split()
        if words[0] == PUBLIC:
            return escaped(public_number(Paths(PUBLIC, paths.root).results_csv(words[1]), *words[2:]))
        return escaped(fill(match[0]))

    return MACRO.sub(macro, text)


def typeset(text: str, data: dict, root: Path) -> bytes:
    """The PDF of a Typst text that reads its data as JSON; pictures and references lie under root."""
    return typst.compile(
        text.encode(),
        root=str(root),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        ignore_system_fonts=True,
        timestamp=0,
    )


def write_paper(paths: Paths, verdicts: list[dict], sources: dict[str, str], fill: Callable[[str], str]) -> Path:
    """Write paper.pdf beside the figures; returns it."""
    text = filled(TEXT.read_text(encoding="utf-8"), paths, fill)
    atomic_write(paths.paper, typeset(text, paper_data(paths, verdicts, sources), paths.root))
    return paths.paper
