"""Pages to read: where things are and were moved to, errands of trades, sentences with a pronoun; as fact_pages.py."""

from dataclasses import dataclass

from corpus.documents import Draw, draw_several, fill, pick
from corpus.graded.language import GradedLanguage
from corpus.graded.world import GradedWorld
from corpus.world import TRAIN, belongs

MIN_SENTENCES, MAX_SENTENCES, MAX_MOVES = 4, 8, 2
USUAL_SHARE = 0.4  # of things on pages that lie where things of their kind usually lie: a prior that can be learnt
PRONOUN_SHARE = 0.4  # of sentences on pages, each of which is then told again with the thing that is meant


@dataclass(frozen=True)
class Scene:
    """Sentences in order: (object, place, whether it was moved there). No place is named twice."""

    sentences: tuple[tuple[int, int, bool], ...]

    def place_of(self, thing: int) -> int:
        """Where an object is in the end."""
        return next(place for other, place, _ in reversed(self.sentences) if other == thing)

    def things(self) -> list[int]:
        """The objects, in the order in which they are first named."""
        return list(dict.fromkeys(thing for thing, _, _ in self.sentences))


def draw_scene(
    draw: Draw, world: GradedWorld, language: GradedLanguage, split: str, num_sentences: int, num_moves: int
) -> Scene:
    """So many sentences, so many of them moves of objects named before; objects and places are of the split."""
    usual_places, num_places = world.usual_places[language.code], len(language.places)
    while True:
        things = draw_several(draw, num_sentences - num_moves, len(language.objects))
        moved = [pick(draw, things) for _ in range(num_moves)]
        places: list[int] = []
        for thing in (*things, *moved):
            place = usual_places[thing] if draw() < USUAL_SHARE else int(draw() * num_places)
            while place in places:
                place = int(draw() * num_places)
            places.append(place)
        if belongs(split, ord(language.code[0]), *things, *moved, *places):
            return Scene(tuple(zip((*things, *moved), places, [False] * len(things) + [True] * num_moves)))


def scene_pieces(language: GradedLanguage, scene: Scene) -> list[str]:
    """` The ball is in the hall. ... Now the ball is in the shed.`"""
    pieces: list[str] = []
    for thing, place, is_move in scene.sentences:
        pieces += fill(language.moved if is_move else language.report, language.objects[thing], language.places[place])
    return pieces


def place_question(language: GradedLanguage, thing: int) -> list[str]:
    """` Question: Where is the ball? Answer: The ball is in the` without the place."""
    asked = fill(language.question, "") + fill(language.where, language.objects[thing])
    return [*asked, language.answer, *fill(language.reply, language.objects[thing])]


def reading_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Web page or school book: a text with questions on it."""
    num_sentences = MIN_SENTENCES + int(draw() * (MAX_SENTENCES - MIN_SENTENCES + 1))
    scene = draw_scene(draw, world, language, split, num_sentences, int(draw() * (MAX_MOVES + 1)))
    pieces, things = scene_pieces(language, scene), scene.things()
    for i in draw_several(draw, 2, len(things)):
        pieces += [*place_question(language, things[i]), language.places[scene.place_of(things[i])], language.stop]
    return pieces


def draw_errand_setting(draw: Draw, language: GradedLanguage, errand: tuple[int, int], split: str) -> tuple[int, int]:
    """Mood and opening in which an errand is told, of the asked split."""
    while True:
        mood, opening = int(draw() * len(language.moods)), int(draw() * len(language.openings))
        if belongs(split, ord(language.code[0]), *errand, mood, opening):
            return mood, opening


def errand_context(language: GradedLanguage, errand: tuple[int, int], setting: tuple[int, int]) -> list[str]:
    """` Every morning the kind baker woke up`"""
    (trade, time), (mood, opening) = errand, setting
    slots = language.times[time], language.moods[mood], language.trades[trade], language.openings[opening]
    return fill(language.errand, *slots)


def errand_ending(language: GradedLanguage, end: tuple[int, int]) -> list[str]:
    """` and went to the oven for the loaf.`"""
    return fill(language.errand_ending, language.errand_places[end[0]], language.errand_things[end[1]])


def errand_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Book page: what people of a trade do at which time."""
    pieces: list[str] = []
    for _ in range(3):
        errand = world.ranked_errands[language.code].draw(draw)
        setting = draw_errand_setting(draw, language, errand, split)
        pieces += errand_context(language, errand, setting)
        pieces += errand_ending(language, world.errands[language.code][errand])
    return pieces


def draw_sentence_objects(draw: Draw, language: GradedLanguage, kind: tuple[int, int], split: str) -> tuple[int, int]:
    """Two objects for a sentence of this kind, of the asked split."""
    while True:
        first, second = draw_several(draw, 2, len(language.objects))
        if belongs(split, ord(language.code[0]), *kind, first, second):
            return first, second


def object_sentence(language: GradedLanguage, kind: tuple[int, int], objects: tuple[int, int], meant: int) -> list[str]:
    """` The cup fell through the box because the box was too` with the object that is meant (0 or 1)."""
    words = tuple(language.objects[i] for i in objects)
    return fill(language.frames[kind[0]], *words) + fill(language.because, words[meant])


def trait_of(world: GradedWorld, language: GradedLanguage, kind: tuple[int, int], meant: int) -> str:
    """The trait that the sentence says of its first (0) or second (1) object."""
    return language.traits[kind[1]][world.first_traits[language.code][kind] ^ meant]


def pronoun_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Book page: sentences with a pronoun, or with the object it stands for."""
    pieces: list[str] = []
    for _ in range(3):
        kind = world.sentences[language.code].draw(draw)
        objects, meant = draw_sentence_objects(draw, language, kind, split), int(draw() * 2)
        trait = trait_of(world, language, kind, meant)
        if draw() < PRONOUN_SHARE:
            words = tuple(language.objects[i] for i in objects)
            pieces += fill(language.frames[kind[0]], *words) + [language.because_pronoun, trait, language.stop]
        pieces += object_sentence(language, kind, objects, meant) + [trait, language.stop]
    return pieces
