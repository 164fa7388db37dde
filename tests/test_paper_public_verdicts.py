"""Verdicts on public tables: the committed ones are what claims and results give, in the rows of our own ladder's."""

import json
import shutil

import pytest

from experiments.public.folders import PROFILE
from paper.public_claims import load_public_claims
from paper.public_verdicts import public_verdicts, verdicts_bytes, write_public_verdicts
from profiles.paths import Paths

HERE = Paths(PROFILE)


def test_the_committed_verdicts_are_those_of_the_committed_results():
    assert verdicts_bytes(public_verdicts(HERE)) == HERE.verdicts.read_bytes()


def test_rows_hold_what_the_contract_asks():
    rows = json.loads(HERE.verdicts.read_text())
    wanted = {"id", "version", "paper", "source", "claim", "task", "statistic", "value", "low", "high", "criterion"}
    wanted |= {"verdict", "power", "seeds", "mixtures", "folder", "profile"}
    assert all(wanted <= set(row) for row in rows)
    assert len(rows) == sum(len(claim.tasks) for claim in load_public_claims())
    assert all(row["power"]["if_true"] >= 0.8 for row in rows)
    assert {row["verdict"] for row in rows} <= {
        "replicated",
        "not replicated",
        "inconclusive",
        "not reached",
        "premise not met",
    }


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(HERE.results, tmp_path / "results" / PROFILE)
    return Paths(PROFILE, tmp_path)


def test_another_number_gives_another_verdict(copied):
    path = copied.results_csv("ext_public_held_out")
    lines = path.read_text().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if "unexplained_share" in line)
    value = lines[place].split(",")[10]
    lines[place] = lines[place].replace(value, "0.5", 1)
    parts = lines[place].split(",")
    parts[11], parts[12] = "0.4", "0.6"
    lines[place] = ",".join(parts)
    path.write_text("".join(lines))
    row = next(row for row in write_public_verdicts(copied) if row["id"].startswith("series_loss_law"))
    assert row["verdict"] == "not replicated" and row["value"] == 0.5


def test_a_statistic_that_is_missing_or_stands_twice_is_named(copied):
    path = copied.results_csv("ext_public_held_out")
    lines = path.read_text().splitlines(keepends=True)
    row = next(line for line in lines if "unexplained_share" in line)
    path.write_text("".join([*lines, row]))
    with pytest.raises(ValueError, match="unexplained_share of task all stands twice"):
        public_verdicts(copied)
    path.write_text("".join(line for line in lines if line != row))
    with pytest.raises(ValueError, match="no statistic unexplained_share for task all"):
        public_verdicts(copied)
    path.unlink()
    with pytest.raises(ValueError, match="not found"):
        public_verdicts(copied)
