"""Paper P's corpus and items as its tests see them: the real world, tokenizer and mixtures, made once a process."""

from functools import lru_cache

from small_corpus import WORLD_SEED, world
from tokenizers import Tokenizer

from corpus.build import PASSUNTIL_MIXTURES, tokenizer_texts
from corpus.mixture import Mixture
from corpus.pages.films import EMOJI, make_films
from corpus.stream import TokenStream
from corpus.tokenizer import PieceEncoder
from corpus.tokenizer_training import train_whole_words
from corpus.world import TRAIN
from tasks import PASS_TASKS
from tasks.base import Item, make_items

NUM_ITEMS = 200
PASS_KINDS = ("program_page", "film_page", "calendar_page", "pattern_page")


@lru_cache
def tokenizer() -> Tokenizer:
    return train_whole_words(tokenizer_texts(world(), PASSUNTIL_MIXTURES))


@lru_cache
def encoder() -> PieceEncoder:
    return PieceEncoder(tokenizer())


@lru_cache
def items(task: str) -> list[Item]:
    return make_items(PASS_TASKS[task], world(), NUM_ITEMS)


@lru_cache
def films() -> dict[str, str]:
    emoji = tuple(EMOJI)
    return {"".join(film.title): "".join(emoji[i] for i in film.motifs) for film in make_films(WORLD_SEED)}


def stream(mixture: str, seed: int, split: str = TRAIN) -> TokenStream:
    return TokenStream(world(), Mixture(mixture, world(), encoder()), encoder(), seed, split)


@lru_cache
def stream_text(mixture: str, split: str = TRAIN, num_tokens: int = 1 << 19) -> str:
    source = stream(mixture, 1 if split == TRAIN else 0, split)
    return tokenizer().decode(source.tokens(0, num_tokens).tolist(), skip_special_tokens=False)
