"""Token streams that are drawn while a run trains, for profiles whose budgets are too large to freeze."""

from tokenizers import Tokenizer

from corpus.editions import edition_of
from corpus.mixture import Mixture
from corpus.stream import TokenStream
from corpus.tokenizer import PieceEncoder


def open_stream(world_seed: int, mixture: str, tokenizer: Tokenizer, seed: int) -> TokenStream:
    """The stream of a seed."""
    encoder, world = PieceEncoder(tokenizer), edition_of(mixture).world(world_seed)
    return TokenStream(world, Mixture(mixture, world, encoder), encoder, seed)
