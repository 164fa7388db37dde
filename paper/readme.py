"""`python -m paper.readme`: README's verdict tables and the numbers in its sentences from committed results, so that
none of them is typed.

readme_numbers.yaml holds passages of README. Under `results` stand, per paper, those that show results; a macro in
double braces stands where README has the number, which is put there anew from the profile that params.yaml shows for
that paper:
  {{PICK SOURCE [FACTOR [DECIMALS]]}}   DECIMALS of e gives 1e-4
PICK is value, least, most or widest (the largest absolute value); SOURCE names entries of verdicts.json by their ids,
or claims for all their entries (ID,ID), or cells of a results.csv by the fields of their rows
(FOLDER:COLUMN:KEY=VALUE/VALUE,KEY=VALUE). Under `typed` stand the passages whose numbers are no results. Every number
in README's prose stands in one of the passages."""

import argparse
import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from paper.report import MACRO, TABLE_START, write_readme
from paper.verdicts import known_verdicts
from profiles.paths import ROOT, Paths
from profiles.profile import read_settings, run_command

PASSAGES = Path(__file__).with_name("readme_numbers.yaml")
README = "README.md"
# A number that stands alone: 92, 0.80, 9,999, 1e-4, 3M; no part of a name such as loss_fig1 or fp32.
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)*(?:e[-+]?\d+)?")
MADE_BLOCK = re.compile(r"<!-- made by .*?<!-- end of what it made -->", re.DOTALL)
VERDICT_TABLE = re.compile(rf"^{re.escape(TABLE_START)}.*\n(\|.*\n)*", re.MULTILINE)
LINK_TARGET = re.compile(r"\]\([^)]*\)")
BLANKS = r"\s+"
PICKS: dict[str, Callable[[list[float]], float]] = {
    "value": lambda values: values[0],
    "least": min,
    "most": max,
    "widest": lambda values: max(map(abs, values)),
}


class Numbers:
    """The numbers of one profile, looked up by the macros' words."""

    def __init__(self, paths: Paths):
        self._paths, self._verdicts = paths, known_verdicts(paths)

    def text(self, macro: str) -> str:
        """What stands in README for a macro. ValueError names a macro, an entry or a row that there is not."""
        pick, source, *words = macro.split()
        if pick not in PICKS:
            raise ValueError(f"{PASSAGES.name}: unknown macro {pick}; use one of {', '.join(PICKS)}")
        values = (
            self._cells(*source.split(":"))
            if ":" in source
            else [value for name in source.split(",") for value in self._entries(name)]
        )
        if pick == "value" and len(values) > 1:
            raise ValueError(
                f"{PASSAGES.name}: {source} has {len(values)} values, where value takes one; use least or most"
            )
        number = PICKS[pick](values) * (float(words[0]) if words else 1.0)
        digits = words[1] if words[1:] else "0"
        return (
            f"{number:.0e}".replace("e-0", "e-").replace("e+0", "e") if digits == "e" else f"{number:.{int(digits)}f}"
        )

    def _entries(self, name: str) -> list[float]:
        entries = [entry for entry in self._verdicts if name in (entry["id"], entry["id"].split(".")[0])]
        values = [entry["value"] for entry in entries if entry["value"] is not None]
        if not values:
            raise ValueError(
                f"{PASSAGES.name}: no value of {name} in {self._paths.verdicts.name} of profile {self._paths.profile}"
            )
        return values

    def _cells(self, folder: str, column: str, where: str) -> list[float]:
        asked = {key: values.split("/") for key, values in (part.split("=") for part in where.split(","))}
        path = self._paths.results_csv(folder)
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if all(row.get(key) in values for key, values in asked.items())]
        if not (values := [float(row[column]) for row in rows if row.get(column)]):
            raise ValueError(f"{PASSAGES.name}: {folder}: no row has {where} and a number in column {column}")
        return values


def pattern_of(passage: str) -> re.Pattern:
    """What finds a passage in README, however its lines are broken; one group per macro."""
    parts = MACRO.split(passage.strip())
    texts = [BLANKS.join(re.escape(word) for word in re.split(r"\s+", part)) for part in parts[::2]]
    return re.compile(r"(\S+?)".join(texts))


def put_numbers(readme: str, passage: str, numbers: Numbers | None = None) -> tuple[str, list[tuple[int, int]]]:
    """README with the numbers of a passage put in anew, and the spans at which the passage stands. ValueError where it
    stands nowhere."""
    pattern, macros = pattern_of(passage), [match[1] for match in MACRO.finditer(passage)]
    found = list(pattern.finditer(readme))
    if not found or (macros and len(found) > 1):
        raise ValueError(
            f"{README}: {'no' if not found else 'more than one'} passage reads {' '.join(passage.split())[:120]!r}; "
            f"restore it, or change paper/{PASSAGES.name} where the text changed on purpose"
        )
    for match in reversed(found):
        for group in range(len(macros), 0, -1):
            start, end = match.span(group)
            readme = readme[:start] + numbers.text(macros[group - 1]) + readme[end:]
    return readme, [match.span() for match in pattern.finditer(readme)]


def loose_numbers(readme: str, spans: Iterable[tuple[int, int]]) -> list[str]:
    """Numbers of README's prose that no passage holds, each with its line; tables made from results and the targets of
    links are no prose."""
    covered = bytearray(len(readme))
    made = [match.span() for pattern in (MADE_BLOCK, VERDICT_TABLE, LINK_TARGET) for match in pattern.finditer(readme)]
    for start, end in (*spans, *made):
        covered[start:end] = b"\1" * (end - start)
    loose = []
    for match in NUMBER.finditer(readme):
        if not all(covered[match.start() : match.end()]):
            line = readme.count("\n", 0, match.start()) + 1
            around = " ".join(readme[max(0, match.start() - 30) : match.end() + 30].split())
            loose.append(f"line {line}: {match[0]} in {around!r}")
    return loose


def with_new_numbers(readme: str, paths_of: dict[str, Paths], passages: dict) -> str:
    """README with every number of a passage put in anew. paths_of: the results that README shows of each paper.

    ValueError, one line per fault: a passage that is not there, a number that no passage holds."""
    faults, spans = [], []
    for paper, texts in passages["results"].items():
        numbers = Numbers(paths_of[paper])
        for passage in texts:
            try:
                readme, _ = put_numbers(readme, passage, numbers)
            except ValueError as error:
                faults.append(str(error))
    for passage in (*(text for texts in passages["results"].values() for text in texts), *passages["typed"]):
        if found := [match.span() for match in pattern_of(passage).finditer(readme)]:
            spans += found
        elif passage in passages["typed"]:
            faults.append(
                f"{README}: no passage reads {passage!r}; restore it, or change paper/{PASSAGES.name} where the text "
                "changed on purpose"
            )
    remedy = f"restore it, or add its passage to paper/{PASSAGES.name}"
    faults += [
        f"{README}: {place}: a number that no passage of paper/{PASSAGES.name} holds; {remedy}"
        for place in loose_numbers(readme, spans)
    ]
    if faults:
        raise ValueError("\nerror: ".join(faults))
    return readme


def check_shown_tables(readme: str, papers: Iterable[str]) -> None:
    """ValueError unless README has one verdict table of each paper that params.yaml shows."""
    starts = [line.split("|")[1].strip() for line in readme.split("\n") if line.startswith(TABLE_START)]
    for paper in papers:
        if (count := starts.count(f"{TABLE_START.removeprefix('| ')} {paper}")) != 1:
            raise ValueError(
                f"{README}: {count} verdict tables begin with '{TABLE_START} {paper} |'; there must be one, paste it "
                "from verdict_table.md"
            )


def load_passages(path: Path = PASSAGES) -> dict:
    """The passages. ValueError in one line where the file is not what it must be."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or set(content) != {"results", "typed"}:
        raise ValueError(f"{path.name}: must have the fields results and typed; restore it with git")
    return content


def renew(root: Path) -> Path:
    """Write README.md anew: the tables of each paper from the profile that params.yaml shows, then the numbers. Returns
    README.md."""
    readme, headline = root / README, read_settings(root / "params.yaml")["headline"]
    check_shown_tables(readme.read_text(encoding="utf-8"), headline)
    paths_of = {paper: Paths(profile, root) for paper, profile in headline.items()}
    for paper, paths in paths_of.items():
        write_readme(paths, [paper])
    text = with_new_numbers(readme.read_text(encoding="utf-8"), paths_of, load_passages())
    readme.write_text(text, encoding="utf-8")
    return readme


def main(arguments: argparse.Namespace) -> None:
    """Write README.md."""
    print(renew(ROOT).name)


if __name__ == "__main__":
    run_command(
        main,
        argparse.ArgumentParser(
            prog="python -m paper.readme", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        ),
    )
