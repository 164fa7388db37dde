"""Our ladder beside real models: one line per claim of the papers, none lost, words as in the verdict table."""

import pandas as pd

from experiments.public.folders import PROFILE
from paper.claims import load_claims
from paper.claims_by_data import COLUMNS, NO_TABLE, claim_rows, table_text, write_claims_by_data
from paper.judge import papers_claims
from paper.public_claims import ASKED_ANEW, base_of, load_public_claims
from profiles.paths import ROOT, Paths


def entry(name, verdict, folder="loss_fig3_open_models"):
    return {"id": name, "verdict": verdict, "folder": folder}


LADDER = [entry("smooth_monotone.recall", "replicated", "loss_tab2_correlations")]
LADDER += [entry("smooth_monotone.endings", "inconclusive", "loss_tab2_correlations")]
PUBLIC = [entry("smooth_monotone_on_olmo.mmlu", "replicated"), entry("smooth_monotone_on_olmo.boolq", "not replicated")]
PUBLIC += [entry("size_effect_small_on_pythia.sciq", "replicated", "loss_fig7_pythia")]


def test_both_sides_stand_on_one_line():
    rows = {row["id"]: row for row in claim_rows(LADDER, PUBLIC, load_claims())}
    line = rows["smooth_monotone"]
    assert line["our_ladder"] == "1 replicated, 1 inconclusive"
    assert "OLMo 190M to 13B, cloze: 1 replicated, 1 not replicated" in line["real_models"]
    assert "open_lm 11M to 6.9B: cannot decide it" in line["real_models"]
    assert line["link"] == "loss_tab2_correlations loss_fig3_open_models"
    # A claim of version 1 that version 2 asks in another way stands on the line of version 2.
    assert "Pythia 160M to 12B: **replicated**" in rows[ASKED_ANEW["size_effect_small"]]["real_models"]


def test_every_claim_of_the_papers_has_a_line_and_what_no_table_can_judge_is_said():
    claims = load_claims()
    rows = claim_rows([], [], claims)
    names = [row["id"] for row in rows]
    assert names[: len([c for c in claims if c.paper in "LP"])] == [c.id for c in claims if c.paper in ("L", "P")]
    asked = {base_of(claim.id) for claim in load_public_claims(with_dropped=True)}
    known = papers_claims()
    assert {ASKED_ANEW.get(name, name) for name in asked if name in known and known[name].paper != "ext"} <= set(names)
    assert any(row["real_models"].startswith(NO_TABLE) for row in rows)
    assert all(row["paper"] in ("L", "P") for row in rows)


def test_the_table_links_to_pictures_of_both(tmp_path):
    rows = claim_rows(LADDER, PUBLIC, load_claims())
    text = table_text(rows, ROOT)
    assert "[loss_fig3_open_models](loss_fig3_open_models.md)" in text
    assert "[loss_tab2_correlations](../full/loss_tab2_correlations.md)" in text


def test_both_files_are_written_alike_each_time(tmp_path):
    first, second = (write_claims_by_data(Paths(PROFILE, tmp_path / name), ROOT) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert list(pd.read_csv(first[0]).columns) == list(COLUMNS)
