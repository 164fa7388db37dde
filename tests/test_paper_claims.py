"""claims.yaml: every claim can be read, names real tasks and folders, and a damaged entry is refused in one line."""

import pytest
import yaml

from paper.claims import CLAIMS_FILE, CLAIMS_V1_FILE, Criterion, load_claims
from profiles.paths import ROOT


def damaged(tmp_path, **changes):
    content = yaml.safe_load(CLAIMS_V1_FILE.read_text(encoding="utf-8"))
    content["claims"][0] |= changes
    content["claims"][0] = {key: value for key, value in content["claims"][0].items() if value is not None}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_every_claim_names_a_folder_that_measures_it():
    claims = load_claims(CLAIMS_V1_FILE)
    assert len(claims) >= 20
    for claim in claims:
        assert (ROOT / "experiments" / claim.folder / "measure.py").exists(), claim.id


def test_criteria_of_the_issue_stand_as_written():
    criteria = {claim.id: claim.criterion for claim in load_claims(CLAIMS_V1_FILE)}
    assert criteria["smooth_correlation"] == Criterion("at_most", -0.9)
    assert criteria["smooth_no_jump"] == Criterion("at_most", 0.35)
    assert criteria["threshold_flat"] == Criterion("at_least", 0.5)
    assert criteria["threshold_gain"] == Criterion("at_least", 30.0)
    assert criteria["shared_threshold"] == Criterion("at_most", 0.10)
    assert criteria["loss_suffices"] == Criterion("at_most", 0.05)
    assert criteria["continuous_brier"].reference == "onset_loss_accuracy"
    assert criteria["compute_does_not_suffice"] == Criterion("at_least", 1.0)


def test_the_real_file_keeps_its_first_claim_readable(tmp_path):
    assert load_claims(damaged(tmp_path))[0].id == "smooth_correlation"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistic": None}, "claim smooth_correlation: field statistic is missing"),
        ({"verdict": "replicated"}, "field verdict is unknown"),
        ({"tasks": "smoth"}, "field tasks: no task group smoth"),
        ({"tasks": ["reacall"]}, "field tasks: no task reacall"),
        ({"criterion": {"at_most": 1, "at_least": 0}}, "field criterion has 2 operators"),
        ({"criterion": {"below": 1}}, "field criterion has 0 operators"),
        ({"id": "smooth_no_jump"}, "claim smooth_no_jump stands twice"),
    ],
)
def test_damaged_claims_are_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_claims(damaged(tmp_path, **changes))
    assert str(caught.value).startswith("claims.yaml") and "\n" not in str(caught.value)


def test_criterion_in_words():
    assert str(Criterion("at_most", -0.9)) == "<= -0.9" and str(Criterion("within", 5.0)) == "within +-5"


def test_claims_carry_their_paper_and_a_third_paper_is_refused(tmp_path):
    papers = {claim.id: claim.paper for claim in load_claims(CLAIMS_V1_FILE)}
    assert papers["smooth_correlation"] == "L" and papers["task_law_held_out"] == "P"
    with pytest.raises(ValueError, match="field paper is 'Q'; choose one of L, P"):
        load_claims(damaged(tmp_path, paper="Q"))


def test_claims_of_paper_p_can_fail():
    """A bound that lies inside what the statistic can take: neither verdict is foregone."""
    criteria = {claim.id: claim.criterion for claim in load_claims(CLAIMS_V1_FILE) if claim.paper == "P"}
    assert criteria["task_law_held_out"] == Criterion("within", 0.25) and criteria["prediction_instance"] == Criterion(
        "within", 20.0
    )
    assert criteria["pass_resolution"] == Criterion("at_least", 1.0) and criteria["decoding_most_pass"] == Criterion(
        "at_least", 0.5
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version: [",
        "- a",
        "version: 1",
        "task_groups: 5\nclaims: []",
        "task_groups: {}\nclaims: 5",
        "task_groups: {}\nclaims: []",
        "task_groups: {a: b}\nclaims: [{}]",
        "task_groups: {}\nclaims: [5]",
        "task_groups: {}\nclaims: [{}]",
        "<<<<<<< HEAD\nversion: 1\n",
        "version: 1\nversion: 2\n",
        "a: \x00",
        "[" * 3000,
        "a: &b [*b]",
        "\udcff",
    ],
)
def test_a_broken_file_is_one_line(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError, match="^claims.yaml: ") as caught:
        load_claims(path)
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_a_folder_are_one_line(tmp_path):
    for path in (tmp_path / "claims.yaml", tmp_path):
        with pytest.raises(ValueError, match="no such file|is a folder") as caught:
            load_claims(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"criterion": 5}, "criterion"),
        ({"criterion": []}, "criterion"),
        ({"criterion": {"at_most": "low"}}, "criterion"),
        ({"criterion": {"at_most": float("nan")}}, "criterion"),
        ({"criterion": {"at_most": True}}, "criterion"),
        ({"criterion": {"at_most": 1, "unit": 2}}, "criterion.unit"),
        ({"criterion": {"inside": "x"}}, "criterion.resolution"),
        ({"criterion": {"inside": 5, "resolution": 1}}, "criterion.inside"),
        ({"tasks": 5}, "tasks"),
        ({"tasks": []}, "tasks"),
        ({"tasks": [5]}, "tasks"),
        ({"id": 5}, "id"),
        ({"statistic": ["a"]}, "statistic"),
        ({"claim": " "}, "claim"),
        ({"folder": {}}, "folder"),
        ({"on_most": "yes"}, "on_most"),
        ({"paper_value": 0.9}, "paper_value"),
    ],
)
def test_ill_typed_fields_are_named(tmp_path, changes, field):
    with pytest.raises(ValueError, match=f"^claims.yaml: claim .*: field {field}") as caught:
        load_claims(damaged(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def altered(tmp_path, **changes):
    """claims.yaml of today with a change of its first claim."""
    content = yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))
    content["claims"][0] |= changes
    content["claims"][0] = {key: value for key, value in content["claims"][0].items() if value is not None}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_every_claim_of_version_2_can_be_decided():
    claims = load_claims()
    second = [claim for claim in claims if claim.version == 2]
    assert {claim.paper for claim in second} >= {"L", "ext"} and all(
        claim.paper != "L" for claim in claims[len(second) :]
    )
    for claim in second:
        assert (ROOT / "experiments" / claim.folder / "measure.py").exists(), claim.id
        assert claim.power.if_true >= 0.8 and claim.power.if_false <= 0.05 and claim.power.at, claim.id
    first = {claim.id for claim in load_claims(CLAIMS_V1_FILE)}
    assert not {claim.id for claim in second} & first
    assert {claim.id for claim in claims if claim.version == 1} < first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"power": None}, "field power is missing"),
        ({"power": {"if_true": 0.9}}, "field power is missing"),
        ({"power": {"if_true": 1.5, "if_false": 0.0, "at": "x"}}, "field power holds"),
        ({"power": {"if_true": 0.79, "if_false": 0.0, "at": "x"}}, "0.79 if true, 0 if false, needs at least 0.8"),
        ({"power": {"if_true": 0.9, "if_false": 0.06, "at": "x"}}, "0.06 if false, .* at most 0.05"),
        ({"version": 1}, "field power: version 1 was registered without one"),
        ({"version": 3}, "field version is 3"),
    ],
)
def test_a_criterion_without_power_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_claims(altered(tmp_path, **changes))
    assert str(caught.value).startswith("claims.yaml: claim smooth_monotone") and "\n" not in str(caught.value)
