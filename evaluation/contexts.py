"""What the items of a task ask of a model: distinct contexts, and the continuations that follow each. Read once for all checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tokenizers import Tokenizer

from corpus.tokenizer import BOS_ID
from tasks.base import Item, Task


@dataclass
class Context:
    """A distinct context: its ids with the document start, the continuations asked of it, and what was found."""

    ids: list[int]
    place: str  # names an item that has it, for messages
    continuations: list[list[int]] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    generated: list[int] = field(default_factory=list)


class Questions:
    """The distinct contexts of a task's items, and for each item and request the index of its context and of its continuation there."""

    def __init__(self, tokenizer: Tokenizer, items: Sequence[Item], task: Task):
        texts = list({text for item in items for request in item.requests for text in request})
        ids = {text: encoding.ids for text, encoding in zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True)}
        index_of: dict[str, int] = {}
        known: dict[tuple[str, str], int] = {}
        self.contexts: list[Context] = []
        self.places: list[list[tuple[int, int]]] = []
        for item in items:
            place = f"items of task {task.name}, item {item.item_id}"
            if item.task != task.name:
                raise ValueError(f"{place}: field task is {item.task!r}: a foreign item file; rebuild it with `python -m corpus`")
            for context, continuation in item.requests:
                if (context, continuation) in known:
                    continue
                if not ids[continuation]:
                    raise ValueError(f"{place}: field requests: continuation {continuation!r} has no tokens; rebuild the items with `python -m corpus`")
                if context not in index_of:
                    index_of[context] = len(self.contexts)
                    self.contexts.append(Context([BOS_ID, *ids[context]], place))
                continuations = self.contexts[index_of[context]].continuations
                known[context, continuation] = len(continuations)
                continuations.append(ids[continuation])
            self.places.append([(index_of[context], known[context, continuation]) for context, continuation in item.requests])

    def fresh_contexts(self) -> list[Context]:
        """The contexts, nothing found yet."""
        return [Context(context.ids, context.place, context.continuations) for context in self.contexts]


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
            raise ValueError(f"{context.place}: field requests: prompt and answer take {needed} tokens, "
                             f"the model's max_sequence_length is {max_sequence_length}; "
                             "raise training.sequence_length in the profile or lower num_shots of the task")


def find_stop_id(tokenizer: Tokenizer, task: Task) -> int:
    """The token that ends an answer. ValueError where the task's stop text is not one token."""
    ids = tokenizer.encode(task.stop, add_special_tokens=False).ids
    if len(ids) != 1:
        raise ValueError(f"task {task.name}: field stop is {task.stop!r}, {len(ids)} tokens; give a text of one token")
    return ids[0]
