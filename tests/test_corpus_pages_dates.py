"""Calendar pages: right by an independent count of days, and asked dates keep to their split."""

from datetime import date

import pytest
from small_corpus import SPLITS, bounded, texts

from corpus.pages.dates import (
    FIRST_YEAR,
    NUM_WORDED,
    NUM_YEARS,
    QUESTIONS,
    date_pieces,
    date_question,
    draw_date,
    draw_date_question,
    moved,
)
from tasks.base import Item
from tasks.pass_oracle import read_date_questions, solve_attempt


def test_moves_by_hand():
    assert moved(date(2000, 2, 28), "day", 1) == date(2000, 2, 29) and moved(date(1999, 12, 31), "day", 1) == date(
        2000, 1, 1
    )
    assert moved(date(1999, 12, 15), "month", 1) == date(2000, 1, 15) and moved(date(2000, 1, 15), "month", -1) == date(
        1999, 12, 15
    )
    assert moved(date(2000, 2, 3), "year", -1) == date(1999, 2, 3)
    with pytest.raises(ValueError):
        moved(date(2000, 1, 31), "month", 1)


def test_pages_are_right():
    for text in texts("calendar_page", "en"):
        questions = list(text.split("Answer:"))
        for position in range(len(questions) - 1):
            context, answer = questions[position], questions[position + 1].partition(".")[0]
            assert solve_attempt(Item("date_understanding", 0, ((context, ""),), ""), {}) == answer


@pytest.mark.parametrize("split", SPLITS)
def test_every_question_is_asked_and_keeps_to_its_split(split):
    drawn = [draw_date_question(bounded(seed), split) for seed in range(1000)]
    assert {question for _, _, question, _ in drawn} == set(range(len(QUESTIONS)))
    worded = sum(question < NUM_WORDED for _, _, question, _ in drawn) / len(drawn)
    assert 0.4 < worded < 0.6
    others = {
        (told, opening, question)
        for other in SPLITS
        if other != split
        for seed in range(1000)
        for told, opening, question, _ in [draw_date_question(bounded(seed), other)]
    }
    assert not others & {(told, opening, question) for told, opening, question, _ in drawn}


def test_dates_span_their_years():
    assert draw_date(lambda: 0.0) == date(FIRST_YEAR, 1, 1) and draw_date(lambda: 1 - 2**-53) == date(
        FIRST_YEAR + NUM_YEARS - 1, 12, 31
    )


def test_text_of_a_question():
    told = date(1981, 3, 5)
    assert "".join(date_pieces(told)) == " 03/05/1981"
    text = "".join(date_question(told, 1, NUM_WORDED))
    assert text == " Yesterday was 03/05/1981. What is the date 2 days later? Answer:"
    assert read_date_questions(text) == [("Yesterday was", told, "2 days later")]
