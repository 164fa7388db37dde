"""What the items of a task ask of a model: distinct contexts, and the continuations that follow each. Read once for all
checkpoints.

A continuation is encoded together with its context and cut at the border (evaluation.readers.encoding): for our own
tokenizer, whose pre-tokens end there, that is what it would be alone; for others it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tokenizers import Tokenizer

from corpus.tokenizer import BOS, BOS_ID
from evaluation.readers import next_token, pieces_huggingface
from evaluation.readers.encoding import Encoding
from tasks.base import Item, Task

OWN_WINDOW = 16  # characters of a context that are read again with a continuation; our longest pre-tokens are shorter


@dataclass
class Context:
    """A distinct context: its ids with the document start, the continuations asked of it, and what was found."""

    ids: list[int]
    place: str  # names an item that has it, for messages
    continuations: list[list[int]] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    generated: list[int] = field(default_factory=list)


class Questions:
    """The distinct contexts of a task's items, and for each item and request the index of its context and of its
    continuation there."""

    def __init__(self, tokenizer: Tokenizer, items: Sequence[Item], task: Task):
        encoding, continuations_of = (
            encoding_of(tokenizer),
            _Borders(tokenizer, [request for item in items for request in item.requests]),
        )
        index_of: dict[str, int] = {}
        known: dict[tuple[str, str], int] = {}
        self.contexts: list[Context] = []
        self.places: list[list[tuple[int, int]]] = []
        for item in items:
            place = f"items of task {task.name}, item {item.item_id}"
            if item.task != task.name:
                raise ValueError(
                    f"{place}: field task is {item.task!r}: a foreign item file; rebuild it with `python -m corpus`"
                )
            for context, continuation in item.requests:
                if (context, continuation) in known:
                    continue
                ids = continuations_of.ids(context, continuation, place)
                if context not in index_of:
                    index_of[context] = len(self.contexts)
                    self.contexts.append(Context(_opened(encoding, context, place), place))
                continuations = self.contexts[index_of[context]].continuations
                known[context, continuation] = len(continuations)
                continuations.append(ids)
            self.places.append(
                [(index_of[context], known[context, continuation]) for context, continuation in item.requests]
            )
        self.largest_id = max(
            (token for context in self.contexts for ids in (context.ids, *context.continuations) for token in ids),
            default=0,
        )

    def fresh_contexts(self) -> list[Context]:
        """The contexts, nothing found yet."""
        return [Context(context.ids, context.place, context.continuations) for context in self.contexts]


@lru_cache(maxsize=8)
def encoding_of(tokenizer: Tokenizer) -> Encoding:
    """Prompts and answers of our tokenizer, which begin with the document start, or of another one, opened as it opens
    a text.

    ValueError for a tokenizer whose tokens' texts cannot be known."""

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    if _is_own(tokenizer):
        return Encoding(encode, next_token.token_pieces(tokenizer), [BOS_ID])
    texts = pieces_huggingface.token_texts(tokenizer, 1 + max(tokenizer.get_vocab().values()))
    return Encoding(encode, texts, pieces_huggingface.opening_ids(tokenizer))


def _is_own(tokenizer: Tokenizer) -> bool:
    return tokenizer.token_to_id(BOS) == BOS_ID


class _Borders:
    """The ids of continuations behind their contexts, encoded in two batches.

    Our tokenizer works within short pre-tokens, so the last characters of a context decide, and those are few distinct
    ones.
    """

    def __init__(self, tokenizer: Tokenizer, requests: Sequence[tuple[str, str]]):
        self._encoding, self._num_characters = encoding_of(tokenizer), OWN_WINDOW if _is_own(tokenizer) else None
        pairs = list({(self._end(context), continuation): None for context, continuation in requests})
        ends = list(dict.fromkeys(end for end, _ in pairs))
        read, joined = (
            [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
            for texts in (ends, [end + continuation for end, continuation in pairs])
        )
        self._read, self._joined = dict(zip(ends, read, strict=True)), dict(zip(pairs, joined, strict=True))

    def _end(self, context: str) -> str:
        return context if self._num_characters is None else context[-self._num_characters :]

    def ids(self, context: str, continuation: str, place: str) -> list[int]:
        """Ids of a continuation. ValueError for one without tokens and one that the tokenizer cannot write."""
        read, joined = self._read[self._end(context)], self._joined[self._end(context), continuation]
        ids = joined[len(read) :]
        try:
            if joined[: len(read)] != read or self._encoding.spelled(ids) != continuation.encode():
                ids = self._encoding.answer(continuation, context)
        except ValueError as error:
            raise ValueError(f"{place}: field requests: {error}") from error
        if not ids:
            raise ValueError(
                f"{place}: field requests: continuation {continuation!r} has no tokens; rebuild the items with `python"
                " -m corpus`"
            )
        return ids


def _opened(encoding: Encoding, context: str, place: str) -> list[int]:
    ids = encoding.prompt(context)
    if not ids:
        raise ValueError(
            f"{place}: field requests: the context has no tokens and the tokenizer opens texts with none; give a"
            " context"
        )
    return ids


@lru_cache(maxsize=64)
def read_questions(tokenizer: Tokenizer, items: tuple[Item, ...], task: Task) -> Questions:
    """Questions of these items; a sweep asks the same ones of many checkpoints.

    ValueError for an item of another task and for a continuation without tokens."""
    return Questions(tokenizer, items, task)


def check_lengths(contexts: list[Context], task: Task, max_sequence_length: int) -> None:
    """ValueError, naming the item, where prompt and answer are longer than the model's context."""
    for context in contexts:
        longest = max(task.max_new_tokens, *(len(continuation) for continuation in context.continuations))
        needed = len(context.ids) + longest - 1
        if needed > max_sequence_length:
            raise ValueError(
                f"{context.place}: field requests: prompt and answer take {needed} tokens, "
                f"the model's max_sequence_length is {max_sequence_length}; "
                "lower the number of shots, or raise training.sequence_length in the profile"
            )


def find_stop_id(tokenizer: Tokenizer, task: Task) -> int:
    """The token that ends an answer. ValueError where the task's stop text is not one token."""
    ids = encoding_of(tokenizer).answer(task.stop)
    if len(ids) != 1:
        raise ValueError(f"task {task.name}: field stop is {task.stop!r}, {len(ids)} tokens; give a text of one token")
    return ids[0]
