"""The data of a profile: built byte for byte, its manifests are right, and what it holds belongs together."""

import hashlib
import json

import pytest
from small_corpus import MIXTURE, facts, stream

from corpus.build import PASSUNTIL_FOLDER
from corpus.token_file import TokenFile, load_validation
from corpus.tokenizer import fingerprint, load_tokenizer
from tasks import PASS_TASKS, TASKS
from tasks.base import load_items
from tasks.build import build
from tasks.checkers import checker
from tasks.oracle import read_facts, solve
from tasks.pass_oracle import solve_attempt

CORPUS = {
    "world_seed": 0,
    "mixture_name": MIXTURE,
    "train_tokens": {1: 3000},
    "validation_sequences": 8,
    "sequence_length": 64,
}
PLAN = {"corpus": CORPUS, "num_items": 20}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    return path, build(path, **PLAN)


def test_every_file_is_in_the_manifest_with_its_hash(data):
    path, manifest = data
    assert json.loads((path / "manifest.json").read_text(encoding="utf-8")) == manifest
    files = {
        str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in path.rglob("*")
        if p.is_file() and p.name != "manifest.json"
    }
    assert manifest["sha256"] == files
    assert set(files) == {
        "tokenizer.json",
        "world.json",
        "validation.bin",
        "train_1.bin",
        *(f"items/{name}.jsonl" for name in TASKS),
    }


def test_a_second_build_gives_the_same_bytes(data, tmp_path):
    path, manifest = data
    assert build(tmp_path, **PLAN) == manifest
    assert (tmp_path / "manifest.json").read_bytes() == (path / "manifest.json").read_bytes()


def test_another_world_gives_other_bytes(data, tmp_path):
    other = build(tmp_path, CORPUS | {"world_seed": 1}, 20)["sha256"]
    assert not [
        name
        for name, digest in data[1]["sha256"].items()
        if other[name] == digest
        and name != "tokenizer.json"
        and not name.startswith(("items/endings", "items/ipa", "items/unscramble", "items/modified"))
    ]


def test_files_belong_together(data):
    path, manifest = data
    tokenizer = fingerprint(load_tokenizer(path / "tokenizer.json"))
    assert manifest["tokenizer"] == tokenizer and manifest["mixture"] == MIXTURE
    file = TokenFile(path / "train_1.bin", tokenizer, check_payload=True)
    assert len(file) == 3000 and (file.tokens(0, 3000) == stream(1).tokens(0, 3000)).all()
    assert load_validation(path / "validation.bin", tokenizer).tokens.shape == (8, 65)


SMALL = {
    "world_seed": 0,
    "series": {"prose": "prose", "code": "code"},
    "train_tokens": {0: 3000},
    "validation_sequences": 4,
    "sequence_length": 192,
}


@pytest.fixture(scope="module")
def passuntil(data):
    """Paper P's part, built into the folder of paper L's."""
    path, manifest = data
    assert build(path, **PLAN, passuntil_corpus=SMALL, passuntil_items=10) == manifest, "paper L's part changed"
    assert build(path, **PLAN) == manifest, "paper P's files were counted as paper L's"
    return path / PASSUNTIL_FOLDER


def test_the_second_part_is_whole_and_leaves_the_first_alone(passuntil):
    manifest = json.loads((passuntil / "manifest.json").read_text(encoding="utf-8"))
    paths = [path for path in passuntil.rglob("*") if path.is_file() and path.name != "manifest.json"]
    files = {str(path.relative_to(passuntil)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert manifest["sha256"] == files and manifest["mixtures"] == {"prose": "prose", "code": "code"}
    streams = {f"{series}/{name}.bin" for series in SMALL["series"] for name in ("train_0", "validation")}
    assert set(files) == {"tokenizer.json", "world.json", *streams, *(f"items/{name}.jsonl" for name in PASS_TASKS)}
    first = json.loads((passuntil.parent / "manifest.json").read_text(encoding="utf-8"))
    assert not [name for name in first["sha256"] if name.startswith(PASSUNTIL_FOLDER)]


def test_the_second_part_is_built_byte_for_byte_and_its_tokenizer_does_not_depend_on_the_series(passuntil, tmp_path):
    manifest = json.loads((passuntil / "manifest.json").read_text(encoding="utf-8"))
    one = SMALL | {"series": {"prose": "prose"}}
    build(tmp_path, **PLAN, passuntil_corpus=one, passuntil_items=10)
    again = json.loads((tmp_path / PASSUNTIL_FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert again["tokenizer"] == manifest["tokenizer"] == fingerprint(load_tokenizer(passuntil / "tokenizer.json"))
    assert again["sha256"] == {
        name: digest for name, digest in manifest["sha256"].items() if not name.startswith("code/")
    }
    assert (
        TokenFile(passuntil / "code" / "train_0.bin", manifest["tokenizer"], check_payload=True).header["mixture"]
        == "code"
    )
    assert load_validation(passuntil / "prose" / "validation.bin", manifest["tokenizer"]).tokens.shape == (4, 193)


def test_the_solver_passes_with_the_films_beside_the_items(passuntil):
    stored = json.loads((passuntil / "world.json").read_text(encoding="utf-8"))
    assert stored["facts"] == json.loads((passuntil.parent / "world.json").read_text(encoding="utf-8"))
    for name in PASS_TASKS:
        made = load_items(passuntil / "items" / f"{name}.jsonl")
        assert len(made) == 10 and all(
            checker(name, item).passes(solve_attempt(item, stored["films"])) for item in made
        )


def test_items_are_answered_by_the_facts_beside_them(data):
    path, _ = data
    known = read_facts(path / "world.json")
    assert known == facts()
    for name in TASKS:
        made = load_items(path / "items" / f"{name}.jsonl")
        assert len(made) == 20 and all(solve(item, known) == item.answer for item in made)
