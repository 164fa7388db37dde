"""Profiles: the one place where sizes, budgets and seeds stand.

A profile is `profiles/<name>.yaml`, checked against the schema of profiles/schema.py. An unknown or ill-typed field, a
size that its heads do not divide, a series that names no size: each is one line that names file, field and remedy
(`ProfileError`). `params.yaml` names the profile of a bare `dvc repro`; where results lie, paths.py says.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from files import tables
from files.atomic import explain
from profiles.paths import ROOT, Paths
from profiles.schema import Profile

OF_PARAMS = "that of params.yaml"
ITEMS_PER_TASK = 500  # least length of an item file of paper L's tasks
FROZEN_MARGIN_TOKENS = (
    1 << 16
)  # of a series, beyond the tokens of a run: the token after the last one, and a round number of chunks


class ProfileError(ValueError):
    """A profile that cannot be used; the message is one line naming file, field and remedy."""


def profile_names() -> list[str]:
    """All committed profiles, in alphabetical order."""
    return sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def headline_papers(profile: str) -> list[str]:
    """The papers whose verdicts README shows from this profile, as params.yaml names them."""
    headline = _params().get("headline")
    if not isinstance(headline, dict):
        raise ProfileError("params.yaml: field headline is missing or no mapping; write {L: full, P: full, ext: full}")
    for paper, shown in headline.items():
        _require_profile(f"headline.{paper}", shown)
    return [paper for paper, shown in headline.items() if shown == profile]


def default_profile() -> str:
    """The profile of a bare `dvc repro`, as params.yaml names it. ProfileError where it names none that there is."""
    name = _params().get("profile")
    _require_profile("profile", name)
    return name


def _params() -> dict:
    return read_settings(ROOT / "params.yaml")


def _require_profile(field: str, name: object) -> None:
    if name not in profile_names():
        known = ", ".join(profile_names())
        raise ProfileError(f"params.yaml: field {field} is {name!r}, no such profile; choose one of {known}")


def read_settings(path: Path) -> dict:
    """A yaml file with a mapping at its top; ProfileError for anything else."""
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if not path.exists():
        raise ProfileError(f"{shown}: no such profile; choose one of {', '.join(profile_names())}")
    try:
        return tables.read_yaml(path, str(shown), "copy profiles/smoke.yaml and change it")
    except ValueError as error:
        raise ProfileError(str(error)) from None


def load_profile(name: str) -> Profile:
    """Read and check profiles/<name>.yaml. ProfileError with one line for whatever a user can get wrong."""
    content = read_settings(ROOT / "profiles" / f"{name}.yaml")
    try:
        profile = Profile.model_validate(content)
    except ValidationError as error:
        raise ProfileError(f"profiles/{name}.yaml: {_first_complaint(error)}") from None
    if profile.name != name:
        raise ProfileError(
            f"profiles/{name}.yaml: field name is {profile.name!r}; write {name!r}, the name of the file"
        )
    return profile


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"field {field} is unknown; remove it or correct its spelling"
    if first["type"] == "missing":
        return f"field {field} is missing; add it (profiles/smoke.yaml shows all fields)"
    if first["type"] == "value_error":
        return f"field {field}: {first['ctx']['error']}" if field else str(first["ctx"]["error"])
    return f"field {field} is {first['input']!r}; {first['msg'][0].lower()}{first['msg'][1:]}"


def data_plan(name: str | None = None) -> dict:
    """What the data of a profile hold (default: that of params.yaml): keyword arguments of tasks.build.build.

    Streams are frozen for every seed that trains, those of paper P where those of paper L are."""
    profile = load_profile(name or default_profile())
    section, shared = profile.passuntil, {"world_seed": profile.corpus.world_seed}
    seeds = sorted({*profile.long_runs.seeds, *profile.small_runs.seeds})
    is_frozen = bool(profile.corpus.train_tokens)
    passuntil_tokens = dict.fromkeys(sorted(section.seeds), section.tokens + FROZEN_MARGIN_TOKENS) if is_frozen else {}
    return {
        "out": Paths(profile.name).data,
        "corpus": shared
        | {
            "mixture_name": profile.corpus.mixture,
            "further_mixtures": tuple(profile.corpus.further_mixtures),
            "train_tokens": dict.fromkeys(seeds, profile.corpus.train_tokens) if is_frozen else {},
            "validation_sequences": profile.corpus.validation_sequences,
            "sequence_length": profile.training.sequence_length,
        },
        # The files hold more than a profile may score: the first items are the same in every file,
        # whatever the profile.
        "num_items": max(profile.evaluation.most_items, ITEMS_PER_TASK),
        "passuntil_corpus": shared
        | {
            "series": dict(section.series),
            "train_tokens": passuntil_tokens,
            "validation_sequences": section.validation_sequences,
            "sequence_length": section.sequence_length,
        },
        "passuntil_items": section.num_items,
    }


def add_profile_option(parser: argparse.ArgumentParser) -> None:
    """The option --profile; `run_command` reads what it is by default, so that a damaged params.yaml is one line
    too."""
    parser.add_argument("--profile", default=OF_PARAMS, help="name of a file in profiles/ (default: %(default)s)")


def run_command(main: Callable[[argparse.Namespace], int | None], parser: argparse.ArgumentParser) -> None:
    """Run a command line. One line on stderr and exit code 2 for a ValueError, 1 where the disk fails, 130 for Ctrl-C;
    nothing else is caught."""
    try:
        arguments = parser.parse_args()
        if getattr(arguments, "profile", None) == OF_PARAMS:
            arguments.profile = default_profile()
        sys.exit(main(arguments) or 0)
    except ValueError as error:
        for fault in str(error).split("\nerror: "):  # a check of many places names each in a line of its own
            print(f"error: {' '.join(fault.split())}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; start the same command again", file=sys.stderr)
        sys.exit(130)
