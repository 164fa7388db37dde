"""`python -m paper.report [--profile P]`: the report, the paper as a PDF (paper/typeset.py) and README's verdict table,
from committed results; no number in them is typed.

report_source.md holds the text. A macro in double braces is replaced by what it names, and an unknown one is an error:
  {{profile}}                               name of the profile
  {{verdict_table PAPER}}                   one line per claim of paper L or P
  {{verdict ID}}                            the verdict of one entry of verdicts.json, or the counts of a claim over its
  tasks {{number FOLDER TASK STATISTIC [FACTOR [DECIMALS]]}}   value and interval of a statistic row
  {{figure FOLDER}}, {{table FOLDER}}       a folder's picture, or its markdown table
  {{details FOLDER}}                        every verdict judged from that folder, as a table
"""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from experiments.style.markdown import markdown_table, number
from files.atomic import atomic_write
from files.text import read_text
from paper.claims import PAPERS, load_claims
from paper.typeset import write_paper
from paper.verdict_table import counts, three_digits, verdict_table
from paper.verdicts import NOT_MEASURED, Statistics, known_verdicts
from profiles.paths import Paths
from profiles.profile import add_profile_option, headline_papers, load_profile, run_command

SOURCE = Path(__file__).with_name("report_source.md")
VERDICT_FIELDS = ("id", "folder", "verdict", "value", "low", "high", "criterion")
TABLE_START = "| claim of paper"  # of a verdict table
MACRO = re.compile(r"\{\{([^{}]+)\}\}")


class Report:
    """The macros of one profile; `home` is the folder the report is written to (links are relative to it)."""

    def __init__(self, paths: Paths, home: Path):
        shown, remedy = (
            str(paths.verdicts.relative_to(paths.root)),
            f"run `python -m paper.verdicts --profile {paths.profile}`",
        )
        self.paths, self.home, self.claims = paths, home, load_claims()
        self.verdicts = known_verdicts(paths)
        for entry in self.verdicts:
            if absent := [field for field in VERDICT_FIELDS if field not in entry]:
                raise ValueError(f"{shown}: field {absent[0]} is missing in {entry.get('id')}; {remedy}")

    def fill(self, text: str) -> str:
        """The text with all macros replaced. ValueError names an unknown macro."""
        return MACRO.sub(lambda match: self._macro(match[1].split()), text)

    def _macro(self, words: list[str]) -> str:
        macros = {
            "profile": lambda: self.paths.profile,
            "verdict_table": self._verdict_table,
            "verdict": self._verdict,
            "number": self._number,
            "figure": self._figure,
            "table": self._table,
            "details": self._details,
        }
        if words[0] not in macros:
            raise ValueError(f"{SOURCE.name}: unknown macro {words[0]}; use one of {', '.join(macros)}")
        return macros[words[0]](*words[1:])

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.home)).as_posix()

    def _link(self, folder: str) -> str:
        return (
            NOT_MEASURED
            if not self._is_measured(folder)
            else f"[{folder}]({self._relative(self.paths.figure(folder))})"
        )

    def _verdict_table(self, paper: str) -> str:
        if paper not in PAPERS:
            raise ValueError(f"{SOURCE.name}: macro verdict_table: no paper {paper}; use one of {', '.join(PAPERS)}")
        return verdict_table(self.claims, self.verdicts, self._link, paper)

    def _entries(self, name: str) -> list[dict]:
        entries = [entry for entry in self.verdicts if name in (entry["id"], entry["id"].split(".")[0])]
        if not entries:
            raise ValueError(f"{SOURCE.name}: no verdict {name}; see the ids in {self.paths.verdicts.name}")
        return entries

    def _verdict(self, name: str) -> str:
        return counts(self._entries(name))

    def _number(self, folder: str, task: str, statistic: str, factor: str = "1", decimals: str = "2") -> str:
        if not self._is_measured(folder):
            return NOT_MEASURED
        row = Statistics(self.paths.results_csv(folder)).row(task, statistic)
        return number(row, float(factor), int(decimals))

    def _is_measured(self, folder: str) -> bool:
        """False where all that verdicts.json says of a folder is that this profile has not measured it."""
        entries = [entry for entry in self.verdicts if entry["folder"] == folder]
        return not entries or any(entry["verdict"] != NOT_MEASURED for entry in entries)

    def _figure(self, folder: str) -> str:
        return (
            NOT_MEASURED
            if not self._is_measured(folder)
            else f"![{folder}]({self._relative(self.paths.figure(folder))})"
        )

    def _table(self, folder: str) -> str:
        return (
            NOT_MEASURED
            if not self._is_measured(folder)
            else self.paths.figure(folder).with_suffix(".md").read_text(encoding="utf-8")
        )

    def _details(self, folder: str) -> str:
        judged = {claim.id for claim in self.claims}
        rows = [
            [
                entry["id"],
                "n/a" if entry["value"] is None else three_digits(entry["value"]),
                "n/a" if entry["low"] is None else f"{three_digits(entry['low'])} to {three_digits(entry['high'])}",
                entry["criterion"],
                entry["verdict"],
            ]
            for entry in self.verdicts
            if entry["folder"] == folder and entry["id"].split(".")[0] in judged
        ]
        return markdown_table(["verdict", "value", "95 % interval", "criterion", "result"], rows)


def write_report(paths: Paths) -> list[Path]:
    """Write report.md and verdict_table.md beside the figures; returns the two files. The tables, one per paper, have
    links that start from the root, as README needs them."""
    report_path, table_path = paths.report, paths.verdict_table
    report = Report(paths, report_path.parent).fill(read_text(SOURCE, "restore it with git", "text"))
    table = Report(paths, paths.root).fill("\n".join(f"{{{{verdict_table {paper}}}}}" for paper in PAPERS))
    atomic_write(report_path, report.encode())
    atomic_write(table_path, table.encode())
    return [report_path, table_path]


def write_readme(paths: Paths, papers: Sequence[str] = PAPERS) -> Path:
    """Put a profile's verdict tables of these papers where README.md has them; returns README.md. ValueError where it
    has none."""
    readme, report = paths.root / "README.md", Report(paths, paths.root)
    lines = readme.read_text(encoding="utf-8").split("\n")
    tables = {
        f"{TABLE_START} {paper} ": report.fill(f"{{{{verdict_table {paper}}}}}").rstrip("\n").split("\n")
        for paper in papers
    }
    starts = [place for place, line in enumerate(lines) if line.startswith(tuple(tables))]
    if not starts:
        raise ValueError(
            f"{readme.name}: no line begins with {TABLE_START!r}, so there is no place for a verdict table; paste one"
            " of verdict_table.md once"
        )
    for first in reversed(starts):
        last = next(place for place, line in enumerate([*lines, ""]) if place > first and not line.startswith("|"))
        lines[first:last] = next(table for start, table in tables.items() if lines[first].startswith(start))
    atomic_write(readme, "\n".join(lines).encode())
    return readme


def main(arguments: argparse.Namespace) -> None:
    """Write report and paper of a profile, and into README the tables of verdicts that params.yaml takes from it."""
    paths = Paths(load_profile(arguments.profile).name)
    report = Report(paths, paths.report.parent)
    sources = {claim.id: claim.source for claim in report.claims}
    shown = headline_papers(paths.profile)
    paper = write_paper(paths, report.verdicts, sources, report.fill)
    for path in [*write_report(paths), paper, *([write_readme(paths, shown)] if shown else [])]:
        print(path.relative_to(paths.root))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_profile_option(parser)
    run_command(main, parser)
