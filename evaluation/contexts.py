"""What the items of a task ask of a model: distinct contexts, and the continuations that follow each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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


def distinct_contexts(tokenizer: Tokenizer, items: Sequence[Item], task: Task) -> tuple[list[Context], list[list[tuple[int, int]]]]:
    """The contexts, and for each item and request the index of its context and of its continuation there."""
    texts = {text for item in items for request in item.requests for text in request}
    ids = {text: encoding.ids for text, encoding in zip(texts, tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True)}
    contexts: dict[str, Context] = {}
    index_of: dict[str, int] = {}
    known: dict[tuple[str, str], int] = {}
    places = []
    for item in items:
        place = f"items of task {task.name}, item {item.item_id}"
        if item.task != task.name:
            raise ValueError(f"{place}: field task is {item.task!r}: a foreign item file; rebuild it with `python -m corpus`")
        for context, continuation in item.requests:
            if (context, continuation) in known:
                continue
            if not ids[continuation]:
                raise ValueError(f"{place}: field requests: continuation {continuation!r} has no tokens; rebuild the items with `python -m corpus`")
            index_of.setdefault(context, len(index_of))
            entry = contexts.setdefault(context, Context([BOS_ID, *ids[context]], place))
            known[context, continuation] = len(entry.continuations)
            entry.continuations.append(ids[continuation])
        places.append([(index_of[context], known[context, continuation]) for context, continuation in item.requests])
    return list(contexts.values()), places


def check_lengths(contexts: list[Context], task: Task, max_sequence_length: int) -> None:
    for context in contexts:
        longest = max(task.max_new_tokens, *(len(continuation) for continuation in context.continuations))
        needed = len(context.ids) + longest - 1
        if needed > max_sequence_length:
            raise ValueError(f"{context.place}: field requests: prompt and answer take {needed} tokens, "
                             f"the model's max_sequence_length is {max_sequence_length}; "
                             "raise training.sequence_length in the profile or lower num_shots of the task")


def find_stop_id(tokenizer: Tokenizer, task: Task) -> int:
    ids = tokenizer.encode(task.stop, add_special_tokens=False).ids
    if len(ids) != 1:
        raise ValueError(f"task {task.name}: field stop is {task.stop!r}, {len(ids)} tokens; give a text of one token")
    return ids[0]
