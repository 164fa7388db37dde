"""One class of checks over the items of all pass tasks: form, tokens, room, and that no training text holds what they
ask."""

from dataclasses import asdict

import pytest
from golden_hashes import pass_items_entry, passuntil_entry, stored
from small_corpus import world
from small_pass import NUM_ITEMS, films, items, stream_text, tokenizer

from corpus.build import PASSUNTIL_MIXTURES
from corpus.pages.programs import written
from corpus.world import TRAIN, VALIDATION
from tasks import PASS_TASKS, TASKS
from tasks.base import load_items, make_items, save_items
from tasks.checkers import checker
from tasks.pass_oracle import PASS_COMPOSITIONS, read_pairs, read_specifications
from tasks.programs import count_right_programs

SEQUENCE_LENGTH = 192
UICL = [name for name in PASS_TASKS if name.startswith("uicl_")]
ORDER = [
    "program_synthesis",
    "emoji_movie",
    "date_understanding",
    "uicl_identity",
    "uicl_reverse_natural_content",
    "uicl_reverse_to_natural_content",
    "uicl_dates",
    "uicl_dates_unnatural_form",
    "uicl_dates_unnatural_content",
    "uicl_dates_unnatural_content_and_form",
    "uicl_unnatural_addition_2_digit",
    "maths",
    "maths_zh",
]


@pytest.mark.parametrize("name", PASS_TASKS)
def test_items_are_those_that_were_accepted(name):
    assert pass_items_entry(name) == stored(name, "pass_items.json"), (
        "a change of items needs a new Task.version (tests/golden_hashes.py)"
    )


def test_corpus_is_the_one_that_was_accepted():
    assert passuntil_entry() == stored("passuntil"), (
        "a change of tokenizer or mixtures needs new mixture names (tests/golden_hashes.py)"
    )


def test_tasks_stand_in_their_order():
    assert list(PASS_TASKS) == ORDER and all(PASS_TASKS[name] is TASKS[name] for name in ("maths", "maths_zh"))


@pytest.mark.parametrize("name", PASS_TASKS)
class TestEveryTask:
    def test_items_are_distinct_and_the_same_every_time(self, name):
        made = items(name)
        assert len(made) == NUM_ITEMS == len({item.requests for item in made})
        assert [item.item_id for item in made] == list(range(NUM_ITEMS)) and {item.task for item in made} == {name}
        assert made == make_items(PASS_TASKS[name], world(), NUM_ITEMS)

    def test_declares_what_it_is(self, name):
        task = PASS_TASKS[name]
        assert task.name == name and task.answer_form == "open" and task.stop and task.max_new_tokens > 0
        assert task.metric == ("exact_match" if name in TASKS else "pass_rate") and 0 <= task.chance < 0.05

    def test_answers_are_tokens_of_their_own(self, name):
        """context + reference + stop has the ids of the context and more, so that an attempt can be sampled token by
        token."""
        task, encode = PASS_TASKS[name], tokenizer().encode
        for item in items(name):
            ((context, reference),) = item.requests
            whole = reference if reference.endswith(task.stop) else reference + task.stop
            ids, prefix = encode(context + whole).ids, encode(context).ids
            assert ids[: len(prefix)] == prefix and tokenizer().decode(ids[len(prefix) :]) == whole
            assert len(ids) - len(prefix) <= task.max_new_tokens
            assert 1 + len(prefix) + task.max_new_tokens <= SEQUENCE_LENGTH

    def test_file_of_items(self, name, tmp_path):
        save_items(tmp_path / "items.jsonl", items(name))
        assert [asdict(item) for item in load_items(tmp_path / "items.jsonl")] == [asdict(item) for item in items(name)]

    @pytest.mark.parametrize("mixture", PASSUNTIL_MIXTURES)
    def test_what_is_asked_is_in_no_training_text(self, name, mixture):
        read = PASS_COMPOSITIONS[name]
        asked = {read("".join(item.requests[0]))[-1] for item in items(name)}
        training, validation = set(read(stream_text(mixture))), set(read(stream_text(mixture, VALIDATION, 1 << 17)))
        assert len(training) > 100 and len(validation) > 20, "nothing was found to compare with"
        assert len(asked) > 20 and not asked & training and not asked & validation
        assert not training & validation or name in UICL  # free inputs (words, short lists) belong to every split

    def test_items_do_not_give_each_other_away(self, name):
        read = PASS_COMPOSITIONS[name]
        if name not in (
            "uicl_reverse_natural_content",
            "uicl_reverse_to_natural_content",
        ):  # words are few: they stand in the examples of others
            compositions = [read("".join(item.requests[0])) for item in items(name)]
            assert not {asked for *_, asked in compositions} & {shown for *shots, _ in compositions for shown in shots}
        else:
            assert all(len(set(read(item.requests[0][0]))) == len(read(item.requests[0][0])) for item in items(name))


def test_a_leak_would_be_seen():
    """The test of the leakage test: compositions of two training streams do meet."""
    for name in ("program_synthesis", "emoji_movie"):
        text = stream_text("prose", TRAIN)
        read = PASS_COMPOSITIONS[name]
        assert set(read(text[: len(text) // 2])) & set(read(text[len(text) // 2 :]))


@pytest.mark.parametrize("name", UICL)
def test_examples_follow_the_rule_that_is_asked(name):
    for item in items(name):
        *shots, (asked, _) = read_pairs(item.requests[0][0])
        assert len(shots) == 5 and asked not in [given for given, _ in shots]


def test_no_title_can_be_copied():
    for item in items("emoji_movie"):
        assert item.answer in films() and f"Title:{item.answer}." not in item.requests[0][0]


def test_hidden_tests_are_not_shown():
    for item in items("program_synthesis"):
        judge = checker(item.task, item)
        assert len(judge.tests) >= 10 and len({given for given, _ in judge.tests}) == len(judge.tests)
        asked = item.requests[0][0].rpartition("Example:")[2]
        assert not [given for given, _ in judge.tests if asked.startswith(f" {' '.join(map(str, given))} gives")]
        assert len(read_specifications(item.requests[0][0])[-1]) in (2, 3)


def test_many_programs_are_right():
    """Every item has a dozen right programs that differ from the reference in a step that does nothing here, and among
    all programs of at most three steps there are more than these."""
    for item in items("program_synthesis"):
        judge, steps = checker(item.task, item), item.requests[0][1][1:].split(" | ")
        longer = {
            written((*steps[:i], idle, *steps[i:]))
            for idle in ("map + 0", "map - 0", "map * 1", "drop 0")
            for i in range(len(steps) + 1)
        }
        assert len(longer) >= 12 and all(judge.passes(text) for text in longer)
    item = next(item for item in items("program_synthesis") if item.requests[0][1].count("|") == 1)
    assert count_right_programs(checker(item.task, item).tests[1:5], 3) > 12
