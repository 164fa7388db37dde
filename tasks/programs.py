"""Programs as answers: the language prefix by prefix, hidden tests, and the count of all right programs up to a
length."""

from collections.abc import Iterable

from corpus.pages.programs import MAX_STEPS, SEPARATOR, STEPS, Values, parse, run_program

Tests = tuple[tuple[Values, Values], ...]  # (input, right output) pairs


def _word_tree() -> dict[str, dict]:
    """Words that may follow one another within a step; the end of a step holds SEPARATOR."""
    root: dict[str, dict] = {}
    for step in STEPS:
        node = root
        for word in step.split():
            node = node.setdefault(word, {})
        node[SEPARATOR] = root
    return root


_ROOT = _word_tree()


def is_viable(text: str) -> bool:
    """True where `text` is the beginning of a program of at most MAX_STEPS steps (prefix-closed; the empty text is)."""
    if not text.startswith(" "):
        return not text
    *words, last = text[1:].split(" ")
    node, num_steps = _ROOT, 1
    for word in words:
        if word not in node:
            return False
        num_steps += word == SEPARATOR
        node = node[word]
    return num_steps <= MAX_STEPS and any(
        word.startswith(last) for word in node if num_steps < MAX_STEPS or word != SEPARATOR
    )


def passes_tests(text: str, tests: Tests) -> bool:
    """True where `text` is a program that gives the right output on every test."""
    steps = parse(text)
    return steps is not None and all(run_program(steps, given) == wanted for given, wanted in tests)


def hidden_tests(reference: str, inputs: Iterable[Values]) -> Tests:
    """What `reference` gives on the inputs. ValueError where it is no program or passes the limit of numbers."""
    steps = parse(reference)
    outputs = [(given, run_program(steps, given) if steps else None) for given in inputs]
    if steps is None or any(output is None for _, output in outputs):
        raise ValueError(f"reference program {reference!r} does not run on its tests; repair the specification")
    return tuple(outputs)


def count_right_programs(tests: Tests, max_steps: int) -> int:
    """How many distinct programs of at most `max_steps` steps pass all tests.

    Programs that have the same values on all inputs so far are counted together, so 3 steps (79^3 programs and more)
    take seconds.
    """
    wanted = tuple(output for _, output in tests)
    frontier: dict[tuple[Values, ...], int] = {tuple(given for given, _ in tests): 1}
    right = 0
    for _ in range(max_steps):
        following: dict[tuple[Values, ...], int] = {}
        for values, num_programs in frontier.items():
            for step in STEPS:
                results = tuple(run_program((step,), value) for value in values)
                if None not in results:
                    following[results] = following.get(results, 0) + num_programs
        frontier = following
        right += frontier.get(wanted, 0)
    return right
