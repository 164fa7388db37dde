"""Prompts and answers as ids of one tokenizer: what a model reads, and what it would have to write.

An answer is never encoded alone, because many tokenizers put a blank before every text (LLaMA 2) and most write a word
otherwise in the middle of a text than at its beginning. Prompt and answer are encoded together and cut where the
prompt's ids end. Where a merge reaches across that border (the ids of the whole do not begin with those of the prompt),
the answer is encoded behind another opening instead, so that its ids are still a continuation of the prompt as it is
read. Whether the ids spell the answer is checked byte by byte: a tokenizer that changes texts (lower case, NFKC) or
lacks a character is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evaluation.readers.pieces import EndOfText

# Texts that an answer can stand behind when its own prompt runs into it; a tokenizer may drop line breaks or merge a
# sign.
OPENINGS = ("\n", ":", ".", "a", "1")


class Encoding:
    """`prompt` and `answer` of one tokenizer.

    encode: ids of a text, without special tokens. pieces: the bytes of every id that the model knows, b"" for those
    without text, EndOfText for those that end an answer (evaluation.passuntil.attempt). before: the ids that the
    tokenizer opens a text with.
    """

    def __init__(self, encode: Callable[[str], list[int]], pieces: Sequence[bytes], before: Sequence[int] = ()):
        self._encode, self._pieces, self._before = encode, pieces, list(before)

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt, opened as the tokenizer opens a text, not ended. A document start written in the text is not
        doubled.

        ValueError in one line for an id that the model does not know."""
        ids = self._encode(text)
        if self._before and ids[: len(self._before)] == self._before:
            ids = ids[len(self._before) :]
        for index in ids:
            if index >= len(self._pieces):
                raise ValueError(
                    f"the prompt holds token id {index}, the model knows ids 0 to {len(self._pieces) - 1}: the"
                    " tokenizer has tokens that were added after training; take the token out of the prompt"
                )
        return [*self._before, *ids]

    def answer(self, text: str, prompt: str = "", accepts: Callable[[str], bool] | None = None) -> list[int]:
        """Ids that spell `text` behind the ids of `prompt`.

        A tokenizer that changes the text writes another one; it is taken where `accepts` says that it is right as well.
        ValueError in one line otherwise, and for an answer through which an end-of-text token runs."""
        for opening in (prompt, *OPENINGS):
            ids = self._behind(opening, text)
            if ids is not None and self.spelled(ids) == text.encode():
                break
        else:
            ids = self._behind(prompt, text) or self._encode(text)
            written = self.spelled(ids).decode(errors="replace")
            if accepts is None or not accepts(written):
                raise ValueError(
                    f"the tokenizer writes the answer {text!r} as {written!r}, so no attempt can be this answer; "
                    "leave the item out or measure a model whose tokenizer keeps texts as they are"
                )
        ends = [index for index in ids[:-1] if isinstance(self._pieces[index], EndOfText)]
        if ends:
            raise ValueError(
                f"the answer {text!r} holds token id {ends[0]}, which ends a text by the model's configuration; "
                "correct eos_token_id of config.json and generation_config.json"
            )
        return ids

    def _behind(self, opening: str, text: str) -> list[int] | None:
        """Ids that `text` adds to those of `opening`; None where they cannot be told apart."""
        before, whole = self._encode(opening), self._encode(opening + text)
        return whole[len(before) :] if whole[: len(before)] == before else None

    def spelled(self, ids: Sequence[int]) -> bytes:
        """The text of these ids; one that the model does not know has none."""
        return b"".join(self._pieces[index] for index in ids if index < len(self._pieces))
