"""Endings, reading and coreference: what texts say, balanced so that no prior answers them."""

from corpus.documents import Draw, draw_several, pick
from corpus.graded.language import GradedLanguage
from corpus.graded.text_pages import (
    MAX_MOVES,
    MAX_SENTENCES,
    MIN_SENTENCES,
    draw_errand_setting,
    draw_scene,
    draw_sentence_objects,
    errand_context,
    errand_ending,
    object_sentence,
    place_question,
    scene_pieces,
    trait_of,
)
from corpus.graded.world import GradedWorld
from tasks.base import Question
from tasks.graded.items import Family, Spot, at_rank

NUM_ENDINGS = {"en": 4, "zh": 2}  # HellaSwag and ClozeT
NUM_PLACES = 4
USUAL_SHARE_ASKED, LAST_SHARE_ASKED = 0.25, 0.25


def _draw_ending(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(errand, mood and opening, errands whose endings are offered, position of the right one). `kind` is the share of
    wrong endings that are the same trade's at other times, the near ones; far ones are those of other trades."""
    errand = at_rank(world.ranked_errands[language.code], spot)
    setting = draw_errand_setting(draw, language, errand, split)
    num_wrong = NUM_ENDINGS[language.code] - 1
    num_near = int(spot.kind * (num_wrong + 1))
    trade, time = errand
    near = [
        (trade, (time + 1 + i) % len(language.times)) for i in draw_several(draw, num_near, len(language.times) - 1)
    ]
    others = draw_several(draw, num_wrong - num_near, len(language.trades) - 1)
    far = [((trade + 1 + i) % len(language.trades), int(draw() * len(language.times))) for i in others]
    wrong = [(*near, *far)[i] for i in draw_several(draw, num_wrong, num_wrong)]
    position = int(spot.answer * (num_wrong + 1))
    return errand, setting, (*wrong[:position], errand, *wrong[position:]), position


def _errand_unit(world: GradedWorld, language: GradedLanguage, content: tuple) -> str:
    (trade, time), *_ = content
    return f"{language.trades[trade].strip()}, {language.times[time].strip()}"


def as_ending(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """The beginning of a sentence and its possible endings."""
    errand, setting, offered, position = content
    ends = [errand_ending(language, world.errands[language.code][other]) for other in offered]
    return errand_context(language, errand, setting), ends, position


def _draw_reading(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(scene, object asked for, places offered, position of the right one). Difficulty is the number of sentences,
    `kind` that of moves. The object's usual place is always offered and right in a quarter of the items; the place that
    the text names last is always offered too, and right in another quarter, crossed."""
    num_sentences = MIN_SENTENCES + int(spot.difficulty * (MAX_SENTENCES - MIN_SENTENCES + 1))
    num_moves, code = int(spot.kind * (MAX_MOVES + 1)), language.code
    is_usual, is_last = spot.first < USUAL_SHARE_ASKED, spot.second < LAST_SHARE_ASKED
    while True:
        scene = draw_scene(draw, world, language, split, num_sentences, num_moves)
        thing = pick(draw, scene.things())
        named = [place for _, place, _ in scene.sentences]
        right, usual = scene.place_of(thing), world.usual_places[code][thing]
        if (right == usual, right == named[-1]) == (is_usual, is_last) and usual in named:
            break
    needed = [place for place in dict.fromkeys((usual, named[-1])) if place != right]
    rest = [place for place in named if place not in (right, *needed)]
    needed += [rest[i] for i in draw_several(draw, NUM_PLACES - 1 - len(needed), len(rest))]
    wrong = [needed[i] for i in draw_several(draw, len(needed), len(needed))]
    position = int(spot.answer * NUM_PLACES)
    return scene, thing, (*wrong[:position], right, *wrong[position:]), position


def as_reading(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """A text and a question on it."""
    scene, thing, offered, position = content
    pieces = scene_pieces(language, scene) + place_question(language, thing)
    return pieces, [[language.places[place]] for place in offered], position


def _reading_unit(world: GradedWorld, language: GradedLanguage, content: tuple) -> str:
    return language.objects[content[1]].strip()


def _draw_pronoun(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(kind of sentence, two objects, which is meant)."""
    kind = at_rank(world.sentences[language.code], spot)
    return kind, draw_sentence_objects(draw, language, kind, split), int(spot.answer * 2)


def as_coreference(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Partial scoring: the pronoun is replaced by each object; the trait that follows must be likelier after the right
    one."""
    kind, objects, meant = content
    trait = trait_of(world, language, kind, meant)
    return [], [object_sentence(language, kind, objects, i) + [trait] for i in range(2)], meant


def _pronoun_unit(world: GradedWorld, language: GradedLanguage, content: tuple) -> str:
    frame, pair = content[0]
    return f"{language.frames[frame].strip()}, {language.traits[pair][0].strip()}"


ENDINGS = Family("endings", _draw_ending, lambda content: {content[:2]}, _errand_unit)
READING = Family("reading", _draw_reading, lambda content: {content[:2]}, _reading_unit, example_difficulty=0.0)
COREFERENCE = Family("coreference", _draw_pronoun, lambda content: {content[:2]}, _pronoun_unit)
