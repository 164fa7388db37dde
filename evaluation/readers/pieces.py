"""What the ids of a vocabulary stand for: bytes of text, the end of a text, or nothing."""


class EndOfText(bytes):
    """The piece of an end-of-text token: the attempt is what stands before it, as before the stop. Its bytes are the
    stop's."""


class Empty(bytes):
    """The piece of an id that stands for no text."""


EMPTY = Empty()


def same_pieces(ours: list[bytes], theirs: list[bytes]) -> bool:
    """True where both lists give each id the same text, and end attempts at the same ids."""
    return len(ours) == len(theirs) and all(a == b and type(a) is type(b) for a, b in zip(ours, theirs))
