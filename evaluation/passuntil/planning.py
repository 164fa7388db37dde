"""From what a user asks for to a plan: model, proposal, task and items, loaded and checked before
anything is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.passuntil.attempt import Decoding, check_request
from evaluation.passuntil.inputs import (
    PassItems,
    PassModel,
    as_chat,
    check_task,
    is_own,
    load_model,
    load_own_items,
    load_pass_items,
)
from evaluation.passuntil.programs import Programs
from evaluation.passuntil.rows import Plan, answer_ids
from evaluation.readers.next_token import WiderReader
from evaluation.readers.pieces import Empty, same_pieces
from tasks.real.passes import FILES, REAL_PASS_TASKS


def make_plan(arguments: Any, folders: Sequence[Path], programs: Programs | None = None) -> Plan:
    """Load model and items and check all of it before anything is sampled. ValueError in one line for bad input.

    arguments: those of the command line (see __main__.py). folders: where tokenizers and items of our own models lie.
    programs: runs programs that a model wrote, and checker files."""
    if arguments.out.suffix != ".parquet":
        raise ValueError(f"--out is {arguments.out}; name a file that ends in .parquet")
    if arguments.out.exists():
        raise ValueError(f"--out {arguments.out} exists already; delete it or name another")
    _check_options(arguments)
    if arguments.task in REAL_PASS_TASKS and arguments.items is None:
        raise ValueError(
            f"task {arguments.task} is published elsewhere; name its file {FILES[arguments.task][0]}"
            f" ({FILES[arguments.task][1]}) with --items"
        )
    # Importance sampling weighs attempts, so there is no r-th pass to stop at.
    target = None if arguments.method == "importance" else arguments.target or None
    model = load_model(arguments.model, folders, arguments.dtype, arguments.device)
    task = _load_task(arguments, model, folders, programs)
    max_new_tokens = task.max_new_tokens if arguments.max_new_tokens is None else arguments.max_new_tokens
    if arguments.chat:
        task = as_chat(task, model, arguments.model)
    decoding = Decoding(max_new_tokens, task.stop, arguments.temperature, arguments.top_p)
    proposal = _proposal(arguments, model, folders)
    if proposal is not None and proposal is not model:
        model, proposal = _with_same_pieces(arguments, model, proposal, decoding.first_stop)
    pieces = model.pieces(decoding.first_stop)
    # All items now: a prompt that does not fit should not end a run after hours of sampling.
    for item in task.items:
        try:
            prompt_ids = model.encode_prompt(item.context)
            for each in (model, proposal or model):
                check_request(each.reader, prompt_ids, pieces, item.checker, decoding)
            if proposal is not None and proposal.encode_prompt(item.context) != prompt_ids:
                raise ValueError(
                    f"--proposal {arguments.proposal} reads other tokens than --model {arguments.model}; take a model"
                    " with the same tokenizer"
                )
            answer_ids(model, item, decoding.first_stop)
        except ValueError as error:
            raise ValueError(f"task {task.name}, item {item.item_id}: {error}") from error
    proposal_temperature = (
        arguments.temperature if arguments.proposal_temperature is None else arguments.proposal_temperature
    )
    return Plan(
        model,
        task,
        arguments.method,
        decoding,
        target,
        arguments.cap,
        proposal,
        proposal_temperature,
        arguments.dtype,
        arguments.model,
        arguments.proposal or arguments.model,
    )


def _check_options(arguments: Any) -> None:
    """ValueError in one line for a task without checker, and for options that the task does not take."""
    if not is_own(arguments.task):
        for name, value in (("--checker", arguments.checker), ("--stop", arguments.stop)):
            if value:
                raise ValueError(f"{name} belongs to a task of your own, not to {arguments.task}; leave it out")
        check_task(arguments.task)
    elif arguments.items is not None:
        raise ValueError(f"--task {arguments.task} names the file of items already; leave --items out")


def _load_task(arguments: Any, model: PassModel, folders: Sequence[Path], programs: Programs | None) -> PassItems:
    if not is_own(arguments.task):
        path = arguments.items or (model.data or folders[0]) / "items" / f"{arguments.task}.jsonl"
        return load_pass_items(arguments.task, path, arguments.num_items, programs.passes if programs else None)
    programs = programs or Programs()
    stops, checker = arguments.stop or (), arguments.checker
    return load_own_items(Path(arguments.task), programs.run, stops, checker, arguments.num_items, arguments.chat)


def _proposal(arguments: Any, model: PassModel, folders: Sequence[Path]) -> PassModel | None:
    """The model that `importance` draws from; None for every other method."""
    if arguments.method != "importance":
        if arguments.proposal is not None or arguments.proposal_temperature is not None:
            raise ValueError(
                f"--proposal and --proposal-temperature belong to --method importance, not to {arguments.method}; leave"
                " them out"
            )
        return None
    return load_model(arguments.proposal, folders, arguments.dtype, arguments.device) if arguments.proposal else model


def _with_same_pieces(arguments: Any, model: PassModel, proposal: PassModel, stop: str) -> tuple[PassModel, PassModel]:
    """Both over one list of ids; models of one family fill their vocabularies up differently. ValueError where a token
    differs."""
    num_shared = min(model.reader.vocab_size, proposal.reader.vocab_size)
    both = model.pieces(stop), proposal.pieces(stop)
    has_others = any(not isinstance(piece, Empty) for pieces in both for piece in pieces[num_shared:])
    if has_others or not same_pieces(*(pieces[:num_shared] for pieces in both)):
        raise ValueError(
            f"--proposal {arguments.proposal} has other tokens than --model {arguments.model}; take a model with the"
            " same tokenizer"
        )
    # Ids beyond the shared ones are empty in both, so the shorter model gives them probability 0 and loses nothing.
    longest = max(both, key=len)
    return tuple(
        (
            each
            if each.reader.vocab_size == len(longest)
            else replace(each, reader=WiderReader(each.reader, len(longest)), pieces=lambda _: longest)
        )
        for each in (model, proposal)
    )
