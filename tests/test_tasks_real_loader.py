"""The real benchmarks: rows of both formats become the same questions, prompts hold their shots, errors are one line.

The rows here are ours, in the published formats. With EMERGENCE_REAL_DATA naming a folder that holds the files of
tasks.real.loader.FILES, the published files themselves are read as well."""

import gzip
import os
import sys
import types

import pytest
from benchmark_rows import PAIRS, write_rows

from tasks import PAPER_TASKS, TASKS
from tasks.base import AliasedItem, load_items, save_items
from tasks.real.forms import FORMS
from tasks.real.loader import FILES, SOURCES, load_files, load_hub, make_loaded, normalise
from tasks.real.rows import CHINESE_WORKED, LETTERS, Row, read_row


@pytest.fixture
def folder(tmp_path):
    for name, (asked, shots) in FILES.items():
        for file in filter(None, (*asked, shots)):
            write_rows(tmp_path, name, file, [PAIRS[name][1]] * 8)
    return tmp_path


def test_every_dataset_of_the_paper_has_a_source():
    """Paper L, Tables 1 and 6: the real twins of the stand-ins, asked in the same way."""
    assert set(FORMS) == set(SOURCES) == set(FILES) == {TASKS[name].paper_task for name in PAPER_TASKS}
    assert sum(source.num_items for source in SOURCES.values()) == 61350
    for name in PAPER_TASKS:
        real, ours = FORMS[TASKS[name].paper_task].task, TASKS[name]
        assert (real.language, real.task_type, real.prompting, real.answer_form, real.metric) == (
            ours.language,
            ours.task_type,
            ours.prompting,
            ours.answer_form,
            ours.metric,
        )


@pytest.mark.parametrize("name", FORMS)
def test_hub_and_file_give_the_same_question(name):
    hub, file = (read_row(name, raw, "test") for raw in PAIRS[name])
    assert hub == file and hub.question


@pytest.mark.parametrize("name", FORMS)
def test_items_from_files(folder, name):
    task, loaded = FORMS[name].task, load_files(name, folder)
    num_taken = 0 if FILES[name][1] or name == "GSM8K-Chinese" else task.num_shots  # the first rows are the shots
    assert loaded.task is task and len(loaded.items) == len(loaded.accepted) == 8 * len(FILES[name][0]) - num_taken
    for item in loaded.items:
        assert item.task == name
        for context, continuation in item.requests:
            assert context == context.rstrip() and continuation.strip()
        if task.answer_form == "choice":
            assert 0 <= item.answer < len(item.requests)
        else:
            assert len(item.requests) == 1 and item.answer in loaded.accepted[item.item_id]
            generated = item.requests[0][1].split(task.stop)[0]
            assert loaded.exact_match([task.extract(generated)] * len(loaded.items)) == [1.0] * len(loaded.items)
            assert loaded.exact_match(["nothing"] * len(loaded.items)) == [0.0] * len(loaded.items)
    assert len(load_files(name, folder, num_items=1).items) == 1


def test_prompts_hold_their_shots(folder):
    for name, mark in (
        ("TriviaQA", "Answer: Mark Twain\n\n"),
        ("MMLU", "Answer: C\n\n"),
        ("C-Eval", "答案：C\n\n"),
        ("GSM8K", "#### 1,200\n\n"),
        ("RACE", "Answer: B\n\n"),
        ("C3", "答案：A\n\n"),
        ("NLPCC-KBQA", "答案：鲁迅\n\n"),
    ):
        assert load_files(name, folder).items[0].requests[0][0].count(mark) == FORMS[name].task.num_shots > 0
    assert load_files("GSM8K-Chinese", folder).items[0].requests[0][0].count("####") == len(CHINESE_WORKED)


def test_prompts_at_hand_made_rows(folder):
    assert load_files("WinoGrande", folder).items[0].requests == (
        ("The cup fell on Ann so Ann", " cried."),
        ("The cup fell on Ann so it", " cried."),
    )
    assert load_files("ClozeT", folder).items[0].requests[1] == ("猫来了。猫跳了。", "鸟飞了。")
    assert load_files("HellaSwag", folder).items[0].requests[1] == ("Tango: They", " dance.")
    assert load_files("CLUEWSC", folder).items[0].requests[0] == (
        "小猫饿了，它叫。\n其中“它”指的是“小猫”吗？答：",
        "是",
    )
    assert [continuation for _, continuation in load_files("C3", folder).items[0].requests] == ["A", "B", "C"]
    prompt = load_files("MMLU", folder).items[0].requests[0][0]
    assert prompt.startswith(
        "The following are multiple choice questions (with answers) about art.\n\nWhich one?\nA. red\nB. green\n"
    )


def test_a_gap_at_the_end_scores_the_candidates():
    row = Row("猫来了。<mask>", ("猫睡了。", "猫跳了。"), 1)
    assert make_loaded("ClozeT", [row], []).items[0].requests == (("猫来了。", "猫睡了。"), ("猫来了。", "猫跳了。"))


def test_shots_are_of_the_subject():
    rows = [Row("q", tuple(LETTERS), 0, subject=subject) for subject in ("art", "law")]
    shots = [Row(f"{subject} {i}", tuple(LETTERS), 1, subject=subject) for i in range(9) for subject in ("art", "law")]
    art, law = (item.requests[0][0] for item in make_loaded("MMLU", rows, shots).items)
    assert art.count("\nart ") == 5 and "law" not in art and "art" not in law
    with pytest.raises(ValueError, match="MMLU: 0 shots of subject 'law', 5 are due"):
        make_loaded("MMLU", rows, [shot for shot in shots if shot.subject == "art"])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("... #### 1,200", "1200"),
        ("#### $18.", "18"),
        ("####-3.5", "-3.5"),
        ("it is 7", "7"),
        ("it is so", ""),
        ("#### 5\n\n#### 9", "5"),
    ],
)
def test_number_behind_the_mark_is_the_answer(text, expected):
    assert FORMS["GSM8K"].task.extract(text) == expected


def test_normalised_answers():
    assert normalise("The  Mark-Twain!") == normalise("mark twain") == "mark twain"
    assert normalise("鲁迅") == "鲁迅"


@pytest.mark.parametrize("name", FORMS)
def test_damaged_rows_are_named(name):
    for key in PAIRS[name][1]:
        if key in ("subject", "split"):
            continue
        broken = {other: value for other, value in PAIRS[name][1].items() if other != key}
        with pytest.raises(ValueError, match="^here, row 3: field .* is absent; get the published .* again$"):
            read_row(name, broken, "here, row 3")


@pytest.mark.parametrize(
    "name, changes",
    [
        ("RACE", {"answer": "E"}),
        ("WinoGrande", {"answer": "3"}),
        ("WinoGrande", {"sentence": "no gap"}),
        ("ClozeT", {"label": "2"}),
        ("C3", {"answer": "别的"}),
        ("CLUEWSC", {"label": "maybe"}),
        ("GSM8K", {"answer": "no mark ####"}),
        ("C-Eval", {"question": ""}),
    ],
)
def test_senseless_rows_are_named(name, changes):
    with pytest.raises(ValueError, match=f"here: not a row of {name} .* get the published file again"):
        read_row(name, PAIRS[name][1] | changes, "here")


@pytest.mark.parametrize("name", ["MMLU", "TriviaQA", "C3", "NLPCC-KBQA"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00\x01", b"{", b"\x1f\x8b\x08"])
def test_damaged_files_say_so_in_one_line(folder, name, content):
    path = folder / FILES[name][0][0]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        load_files(name, folder)
    line = str(caught.value)
    assert line.startswith(str(path)) and SOURCES[name].published in line and "\n" not in line


DAMAGE = {
    "gzip": lambda data: gzip.compress(data)[:-9],
    "half": lambda data: data[: len(data) // 2 + 3],
    "latin": lambda data: data + "\u00e9".encode("latin-1"),
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "deep": lambda data: b"[" * 100_000,
    "conflict": lambda data: b"<<<<<<< HEAD\n" + data,
    "quote": lambda data: data + b'"unclosed',
    "blank": lambda data: b"\n\n",
    "number": lambda data: b"5\n",
    "page": lambda data: b"<!DOCTYPE html>\n<html></html>\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FORMS)
def test_every_damage_of_every_file_is_one_line(folder, name, damage):
    path = folder / FILES[name][0][0]
    data = path.read_bytes()
    data = DAMAGE[damage](gzip.decompress(data) if path.suffix == ".gz" else data)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" and damage != "gzip" else data)
    try:
        load_files(name, folder)
    except ValueError as error:
        assert str(error).startswith(str(path)) and SOURCES[name].published in str(error) and "\n" not in str(error)
    else:  # in a file of blocks, what is no block is a remark
        assert path.name.endswith(".txt.gz") and damage in ("conflict", "quote", "half")


def test_a_folder_in_place_of_a_file(folder):
    path = folder / FILES["MMLU"][0][0]
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="is a folder, not a file"):
        load_files("MMLU", folder)


def test_every_alias_is_known_to_the_item_and_comes_back_from_disk(folder, tmp_path):
    loaded = load_files("TriviaQA", folder)
    item = loaded.items[0]
    assert isinstance(item, AliasedItem) and item.accepted == ("Mark Twain", "Twain")
    assert [loaded.task.is_right(item, said) for said in ("twain.", "MARK TWAIN", "Mark", "...", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    save_items(tmp_path / "items.jsonl", list(loaded.items))
    assert load_items(tmp_path / "items.jsonl") == list(loaded.items)


@pytest.mark.parametrize("name", ["GSM8K", "GSM8K-Chinese"])
def test_a_solution_may_hold_empty_lines(name):
    row = Row("q", answer="7", solution="3 + 4 = 7\n\nSo 7.\n\n#### 7", accepted=("7",))
    loaded = make_loaded(name, [row], [row] * 8)
    attempt = (row.solution + "\n\n" + loaded.items[0].requests[0][0][-60:] + "\n#### 9").split(loaded.task.stop)[0]
    assert (
        loaded.exact_match([loaded.task.extract(row.solution.split(loaded.task.stop)[0])])
        == [1.0]
        == loaded.exact_match([loaded.task.extract(attempt)])
    )
    assert loaded.exact_match([loaded.task.extract("#### -7")]) == [0.0]


def test_unknown_benchmark_and_absent_hub_are_named(folder):
    with pytest.raises(ValueError, match="benchmark is 'MMLU2'; choose one of TriviaQA"):
        load_files("MMLU2", folder)
    with pytest.raises(ValueError, match="ClozeT is not on the hub; fetch it from https.* load_files"):
        load_hub("ClozeT")


@pytest.mark.parametrize("name", [name for name in FORMS if SOURCES[name].hub])
def test_hub_splits_are_those_of_the_table(name, monkeypatch):
    """The network is no part of a test: rows of the hub's format stand in for it, and what is asked of it is
    recorded."""
    asked = []
    module = types.ModuleType("datasets")
    module.get_dataset_config_names = lambda hub: ["law"]
    module.load_dataset = lambda hub, config, split: asked.append((hub, config, split)) or [PAIRS[name][0]] * 8
    monkeypatch.setitem(sys.modules, "datasets", module)
    loaded, source = load_hub(name), SOURCES[name]
    assert len(loaded.items) == 8
    assert asked == [
        (source.hub, source.config or "law", split) for split in (source.shot_split, source.split) if split
    ]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no\nnetwork"),
        FileNotFoundError("no such set"),
        ValueError("no config"),
        RuntimeError("no script"),
    ],
)
def test_a_hub_that_fails_is_one_line(monkeypatch, error):
    module = types.ModuleType("datasets")

    def fail(*_, **__):
        raise error

    module.load_dataset = fail
    monkeypatch.setitem(sys.modules, "datasets", module)
    with pytest.raises(
        ValueError, match="cais/mmlu, split dev: not loaded .*; fetch it from https.* and use load_files"
    ) as caught:
        load_hub("MMLU")
    assert "\n" not in str(caught.value)


def test_hub_without_the_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="the package datasets is absent; install it with `pip install datasets`"):
        load_hub("MMLU")


@pytest.mark.skipif(
    "EMERGENCE_REAL_DATA" not in os.environ, reason="EMERGENCE_REAL_DATA names no folder of published files"
)
@pytest.mark.parametrize(
    "name, num_items",
    [
        ("TriviaQA", 995),
        ("HellaSwag", 1000),
        ("RACE", 998),
        ("WinoGrande", 1267),
        ("MMLU", 14042),
        ("GSM8K", 1319),
        ("NLPCC-KBQA", 9865),
        ("CLUEWSC", 319),
        ("C3", 3814),
        ("C-Eval", 1346),
        ("GSM8K-Chinese", 250),
    ],
)
def test_published_files_are_read(name, num_items):
    loaded = load_files(name, os.environ["EMERGENCE_REAL_DATA"])
    assert len(loaded.items) == num_items
    for item in loaded.items:
        assert all(context == context.rstrip() and continuation.strip() for context, continuation in item.requests)
    if loaded.task.answer_form == "choice":
        chance = sum(1 / len(item.requests) for item in loaded.items) / len(loaded.items)
        assert abs(chance - loaded.task.chance) < 0.001
