"""What an item asks stands neither in the training stream nor in the validation set, and validation not in training.

The texts are searched as a reader would, by the oracle's patterns, not by the split function that should keep them
apart. Closed-book facts must be read to be known: recall and exam_cloze compose nothing and are left out."""

from dataclasses import replace
from functools import lru_cache

import pytest
from small_corpus import KIND_LANGUAGES, SPLITS, items, pieces, stream_texts

from corpus.lexicon import LANGUAGES
from corpus.world import EVALUATION, TRAIN, VALIDATION
from tasks import TASKS
from tasks.oracle import COMPOSITIONS, family

TRAINING_TOKENS = 1 << 20
VALIDATION_TOKENS = 1 << 18  # four times a validation set of 256 sequences of 256
COMPOSED_TASKS = [name for name in TASKS if family(name) in COMPOSITIONS]


def _read(name: str, text: str, language) -> set[tuple]:
    return set(COMPOSITIONS[family(name)](text, language))


@lru_cache
def _stream_text(split: str) -> dict[str, str]:
    return stream_texts(1 if split == TRAIN else 0, TRAINING_TOKENS if split == TRAIN else VALIDATION_TOKENS, split)


def _stream_compositions(name: str, split: str) -> set[tuple]:
    code = TASKS[name].language
    return _read(name, _stream_text(split)[code], LANGUAGES[code])


def _asked_and_shots(name: str) -> tuple[set[tuple], set[tuple]]:
    asked, shots = set(), set()
    for item in items(name):
        context, continuation = item.requests[item.answer if TASKS[name].answer_form == "choice" else 0]
        *shown, last = COMPOSITIONS[family(name)](context + continuation, LANGUAGES[TASKS[name].language])
        asked.add(last)
        shots.update(shown)
    return asked, shots


@pytest.mark.parametrize("name", COMPOSED_TASKS)
def test_items_are_not_in_the_streams(name):
    asked, shots = _asked_and_shots(name)
    training, validation = _stream_compositions(name, TRAIN), _stream_compositions(name, VALIDATION)
    assert len(training) > 50 and len(validation) > 10, "nothing was found to compare with"
    assert not asked & training
    assert not asked & validation
    assert not asked & shots, "an item is the shot of another"
    assert not shots & validation


@pytest.mark.parametrize("name", COMPOSED_TASKS)
def test_validation_is_not_in_the_training_stream(name):
    assert not _stream_compositions(name, TRAIN) & _stream_compositions(name, VALIDATION)


def _small(language):
    """A language of few objects and places: a composition that is not kept apart is then met many times over."""
    return replace(language, objects=language.objects[:5], places=language.places[:5])


NUM_DOCUMENTS = {"comprehension": 700, "exam_sheet": 3000, "puzzle": 700, "dictionary_page": 1500}


@lru_cache(maxsize=8)
def _documents(kind: str, code: str, split: str, seed: int) -> str:
    count, language = NUM_DOCUMENTS.get(kind, 400), _small(LANGUAGES[code])
    return "<|bos|>".join("".join(pieces(kind, code, seed * 100000 + index, split, language)) for index in range(count))


@pytest.mark.parametrize("kind, code", KIND_LANGUAGES)
def test_no_document_writes_what_belongs_to_another_split(kind, code):
    """Stronger than the stream, which meets few of millions of passages: each kind is asked for every split, and
    whatever composition any task would read in it must differ. That two training samples do share some shows that a
    leak would be seen.
    """
    language = _small(LANGUAGES[code])
    for name in COMPOSED_TASKS:
        if TASKS[name].language != code:
            continue
        read = {split: _read(name, _documents(kind, code, split, 0), language) for split in SPLITS}
        assert (
            not read[TRAIN] & read[VALIDATION]
            and not read[TRAIN] & read[EVALUATION]
            and not read[VALIDATION] & read[EVALUATION]
        )
        if read[TRAIN]:
            assert len(read[TRAIN] & _read(name, _documents(kind, code, TRAIN, 1), language)) >= 10, (
                "too few documents to see a leak"
            )
