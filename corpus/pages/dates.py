"""Calendar pages: questions on dates, worked out by the proleptic Gregorian calendar of the standard library.

Which date is asked with which opening and question belongs to one split.
"""

from datetime import date, timedelta

from corpus.documents import Draw
from corpus.language import Language
from corpus.world import TRAIN, World, belongs

FIRST_YEAR, NUM_YEARS = 1970, 50
LAST_SAFE_DAY = 28  # months and years are counted from days that every month has

OPENINGS = ((" Today is", 0), (" Yesterday was", 1), (" Tomorrow is", -1))  # text, days from the told date to today
MAX_COUNTED_DAYS = 9
# Each is a question, its unit and how many of them.
QUESTIONS = (
    (" tomorrow", "day", 1),
    (" yesterday", "day", -1),
    (" a week later", "day", 7),
    (" a week ago", "day", -7),
    (" a month later", "month", 1),
    (" a month ago", "month", -1),
    (" a year later", "year", 1),
    (" a year ago", "year", -1),
    *((f" {n} days later", "day", n) for n in range(2, MAX_COUNTED_DAYS + 1)),
    *((f" {n} days ago", "day", -n) for n in range(2, MAX_COUNTED_DAYS + 1)),
)
NUM_WORDED = 8  # questions that name no number: as frequent as all the others together


def draw_date(draw: Draw) -> date:
    """A date within FIRST_YEAR ... FIRST_YEAR + NUM_YEARS - 1, uniformly."""
    first = date(FIRST_YEAR, 1, 1)
    return first + timedelta(int(draw() * (date(FIRST_YEAR + NUM_YEARS, 1, 1) - first).days))


def moved(day: date, unit: str, count: int) -> date:
    """The date `count` days, months or years from `day`. ValueError where the month has no such day."""
    if unit == "day":
        return day + timedelta(count)
    months = 12 * day.year + day.month - 1 + count * (12 if unit == "year" else 1)
    return date(months // 12, months % 12 + 1, day.day)


def date_pieces(day: date) -> list[str]:
    """` 03/15/1981`: a space before the month, so that the month has the same token in every sentence."""
    return [f" {day.month:02d}", "/", f"{day.day:02d}", "/", f"{day.year}"]


def draw_date_question(draw: Draw, split: str) -> tuple[date, int, int, date]:
    """The told date, its opening, its question (indices) and the date asked for, of the asked split."""
    while True:
        told, opening = draw_date(draw), int(draw() * len(OPENINGS))
        question = (
            int(draw() * NUM_WORDED) if draw() < 0.5 else NUM_WORDED + int(draw() * (len(QUESTIONS) - NUM_WORDED))
        )
        today = moved(told, "day", OPENINGS[opening][1])
        _, unit, count = QUESTIONS[question]
        if unit != "day" and today.day > LAST_SAFE_DAY:
            continue
        if belongs(split, ord("d"), opening, question, told.year, told.month, told.day):
            return told, opening, question, moved(today, unit, count)


def date_question(told: date, opening: int, question: int) -> list[str]:
    """` Today is 03/15/1981. What is the date tomorrow? Answer:` without the answer."""
    text, asked = OPENINGS[opening][0], QUESTIONS[question][0]
    return [
        text,
        *date_pieces(told),
        ".",
        " What is the date",
        *(f" {word}" for word in asked.split()),
        "?",
        " Answer:",
    ]


def calendar_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Calendar page: questions on dates with their answers."""
    pieces: list[str] = []
    for _ in range(4):
        told, opening, question, answer = draw_date_question(draw, split)
        pieces += date_question(told, opening, question) + date_pieces(answer) + ["."]
    return pieces
