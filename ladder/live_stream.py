"""Token streams that are drawn while a run trains, for profiles whose budgets are too large to freeze."""

from tokenizers import Tokenizer

from corpus.mixture import Mixture
from corpus.stream import TokenStream
from corpus.tokenizer import PieceEncoder
from corpus.world import make_world


def open_stream(world_seed: int, mixture: str, tokenizer: Tokenizer, seed: int) -> TokenStream:
    """The stream of a seed."""
    encoder, world = PieceEncoder(tokenizer), make_world(world_seed)
    return TokenStream(world, Mixture(mixture, world, encoder), encoder, seed)
