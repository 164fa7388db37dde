"""Film pages: seeded titles, what each film is about, and riddles that tell a film in emoji.

Each film has five motifs; a riddle shows three of them. Which three motifs of which film are asked, in whatever order,
belongs to one split, so that an item composes what pages have told apart. Films are drawn by rank (Zipf-Mandelbrot):
what is known of a rare film is little.
"""

import random
from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from corpus.documents import Draw, draw_several, fill, pick
from corpus.language import Language
from corpus.world import TRAIN, World, belongs

NUM_FILMS = 200
NUM_MOTIFS, NUM_SHOWN = 5, 3
FILM_SHIFT = 8.0  # the first film is 23 times as frequent as the last

# Each emoji is one code point; its word is an English word of the world where there is one.
EMOJI = {
    "🐶": " dog",
    "🐱": " cat",
    "🦊": " fox",
    "🐝": " bee",
    "🐷": " pig",
    "🐮": " cow",
    "🐟": " fish",
    "🐻": " bear",
    "🦁": " lion",
    "🐸": " frog",
    "🐴": " horse",
    "🐍": " snake",
    "🐳": " whale",
    "🌲": " tree",
    "🌹": " rose",
    "🍰": " cake",
    "🚗": " car",
    "🚂": " train",
    "🚀": " rocket",
    "🚢": " ship",
    "🏠": " house",
    "🏰": " castle",
    "👑": " crown",
    "💍": " ring",
    "🔑": " key",
    "🎩": " hat",
    "👻": " ghost",
    "🤖": " robot",
    "🔥": " fire",
    "🌙": " moon",
    "🌊": " wave",
    "⚽": " ball",
    "🎸": " guitar",
    "🎁": " gift",
    "📖": " book",
    "💡": " lamp",
}
_ADJECTIVES = " Silent Lost Golden Broken Secret Distant Wild Dark Frozen Hidden Red Last".split()
_NOUNS = " Harbour River Garden Winter Road Island City Dream Letter Night Forest Bridge".split()
_TITLES = ("{0}{1}", " The{0}{1}", " The{1} of the{0}{2}")  # two, three or six words: the length of the answer varies
_TELLINGS = ("{0} tells of a{1}, a{2} and a{3}.", "{0} is about a{1}, a{2} and a{3}.")


@dataclass(frozen=True)
class Film:
    """Title as pieces (` Silent`, ` Harbour`) and motifs (indices into EMOJI)."""

    title: tuple[str, ...]
    motifs: tuple[int, ...]


@lru_cache(maxsize=8)
def make_films(world_seed: int) -> tuple[Film, ...]:
    """The films of a world by rank: titles and motif sets all different, and no riddle that fits two films."""
    rng = random.Random(f"films/{world_seed}")
    films: dict[tuple[str, ...], Film] = {}
    while len(films) < NUM_FILMS:
        first, second = rng.sample(_NOUNS, 2)
        title = tuple(
            fill(_TITLES[len(films) % len(_TITLES)], f" {rng.choice(_ADJECTIVES)}", f" {first}", f" {second}")
        )
        motifs = tuple(rng.sample(range(len(EMOJI)), NUM_MOTIFS))
        if all(len({*motifs} & {*other.motifs}) < NUM_SHOWN for other in films.values()):
            films.setdefault(title, Film(title, motifs))
    return tuple(films.values())


@lru_cache(maxsize=1)
def _weights() -> tuple[float, ...]:
    raw = [1.0 / (rank + FILM_SHIFT) for rank in range(1, NUM_FILMS + 1)]
    return tuple(accumulate(weight / sum(raw) for weight in raw))


def draw_film(draw: Draw) -> int:
    """A film by frequency rank."""
    return min(bisect(_weights(), draw()), NUM_FILMS - 1)


def draw_riddle(draw: Draw, world: World, split: str, uniform: bool = False) -> tuple[int, list[int]]:
    """A film (by rank, or any with equal weight) and three of its motifs in some order; the set is of the asked
    split."""
    while True:
        film = int(draw() * NUM_FILMS) if uniform else draw_film(draw)
        motifs = make_films(world.seed)[film].motifs
        shown = [motifs[i] for i in draw_several(draw, NUM_SHOWN, NUM_MOTIFS)]
        if belongs(split, ord("f"), film, *sorted(shown)):
            return film, shown


def riddle_question(shown: list[int]) -> list[str]:
    """` Film in emoji:🐶👑🚢 Title:` without the title."""
    emoji = tuple(EMOJI)
    return [" Film", " in", " emoji", ":", *(emoji[i] for i in shown), ".", " Title", ":"]


def _telling(draw: Draw, film: Film) -> list[str]:
    words = tuple(EMOJI.values())
    shown = [film.motifs[i] for i in draw_several(draw, NUM_SHOWN, NUM_MOTIFS)]
    return fill(pick(draw, _TELLINGS), "".join(film.title), *(words[i] for i in shown))


def film_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Film page: riddles in emoji, what films are about, and the names of emoji."""
    films, pieces = make_films(world.seed), []
    for _ in range(4):
        kind = draw()
        if kind < 0.6:
            film, shown = draw_riddle(draw, world, split)
            pieces += riddle_question(shown) + [*films[film].title, "."]
        elif kind < 0.85:
            pieces += _telling(draw, films[draw_film(draw)])
        else:
            emoji, word = pick(draw, tuple(EMOJI.items()))
            pieces += [" The", " emoji", emoji, " is", " a", word, "."]
    return pieces
