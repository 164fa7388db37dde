"""claims_public.yaml: the papers' criteria unchanged, power where it is registered, tables and tasks that exist."""

import pytest

from experiments.public.folders import public_stems
from paper.claims import CLAIMS_FILE
from paper.judge import papers_claims
from paper.public_claims import (
    ASKED_ANEW,
    LEAST_TRUE,
    MOST_WRONG,
    PUBLIC_DATA_SETS,
    PUBLIC_TASKS,
    base_of,
    data_set_of,
    load_public_claims,
)

CLAIMS = load_public_claims(with_dropped=True)
REGISTERED = {claim.id for claim in load_public_claims()}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_criterion_of_a_papers_claim_is_that_of_our_ladder(claim):
    base = papers_claims().get(base_of(claim.id))
    if base is None:
        is_version_2_here = CLAIMS_FILE.with_name("claims_v1.yaml").exists()
        assert claim.paper == "ext" or not is_version_2_here, "the id begins with that of no claim"
        return
    assert claim.criterion == base.criterion and claim.paper == base.paper


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_power_decides_what_is_registered(claim):
    can_decide = claim.power["if_true"] >= LEAST_TRUE and claim.power["if_false"] <= MOST_WRONG
    assert can_decide == (claim.id in REGISTERED) and claim.power["at"], claim.power


def test_folders_tasks_and_tables_exist():
    for claim in CLAIMS:
        assert claim.folder in public_stems() and data_set_of(claim.id) in PUBLIC_DATA_SETS
        assert set(claim.tasks) <= {*PUBLIC_TASKS, "all"}
    assert {claim.id for claim in CLAIMS} > REGISTERED
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def test_claims_that_are_asked_anew_are_none_of_version_2():
    assert set(ASKED_ANEW) <= set(papers_claims()) and not set(ASKED_ANEW) & set(ASKED_ANEW.values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("criterion: {at_least: 0.9}", "criterion: {at_least: high}", "field criterion holds 'high'; write a number"),
        ("criterion: {at_least: 0.9}", "criterion: {above: 0.9}", "give exactly one of at_most, at_least, within"),
        ("tasks: cloze\n", "tasks: nothing\n", "field tasks: no task or group nothing"),
        ("if_true: 1, if_false: 0", "if_true: 0.5, if_false: 0", "move it to claims_public_dropped.yaml"),
        ("    unit: rank", "    units: rank", "field unit is missing or unknown"),
    ],
)
def test_what_is_wrong_is_named(old, new, message, tmp_path, monkeypatch):
    from paper import public_claims

    text = public_claims.CLAIMS_PUBLIC_FILE.read_text()
    assert old in text
    (tmp_path / "claims_public.yaml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(public_claims, "CLAIMS_PUBLIC_FILE", tmp_path / "claims_public.yaml")
    with pytest.raises(ValueError, match="claim .*") as caught:
        public_claims.load_public_claims()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_id_without_a_table_is_named(tmp_path, monkeypatch):
    from paper import public_claims

    text = public_claims.CLAIMS_PUBLIC_FILE.read_text().replace("smooth_monotone_on_olmo", "smooth_monotone_on_mars")
    (tmp_path / "claims_public.yaml").write_text(text)
    monkeypatch.setattr(public_claims, "CLAIMS_PUBLIC_FILE", tmp_path / "claims_public.yaml")
    with pytest.raises(ValueError, match="smooth_monotone_on_mars: its id names no table; end it with _on_ and one of"):
        public_claims.load_public_claims()
