"""`python -m corpus [--profile P]`: build data/ (tokenizer, frozen token streams, validation set, items) byte for byte.

Paper P has a tokenizer, mixtures and items of its own; they lie in the folder passuntil/ of the data, one folder per
series.
An entry point, so the one place in this room that knows paths and composes rooms.
"""

import argparse
import hashlib
import json
import random
import signal
import sys
from pathlib import Path

from corpus.films import EMOJI, make_films
from corpus.lexicon import LANGUAGES
from corpus.mixture import KINDS, Mixture, kinds_of
from corpus.stream import TokenStream, make_validation, save_validation, write_file
from corpus.tokenizer import PieceEncoder, fingerprint, token_bytes, train, train_whole_words
from corpus.world import World, make_world
from files.atomic import atomic_write, explain, remove_leftovers
from files.lock import exclusive

NUM_TOKENIZER_DOCUMENTS = 400  # of each kind and language: enough that the merges no longer move
DATA_FORMAT_VERSION = 1
PASSUNTIL_FOLDER = "passuntil"
PASSUNTIL_MIXTURES = (
    "prose",
    "code",
)  # both train the tokenizer, whatever series a profile has: items are the same in every profile


def tokenizer_texts(world: World, mixtures: tuple[str, ...] = ("v1",)):
    """Training text of a tokenizer: equally many documents of every kind of `mixtures`, so that it does not hang on
    their shares."""
    for name in kinds_of(*mixtures):
        kind = KINDS[name]
        for code in kind.languages:
            draw = random.Random(f"tokenizer/{world.seed}/{name}/{code}").random
            for _ in range(NUM_TOKENIZER_DOCUMENTS):
                yield "".join(kind.write(draw, world, LANGUAGES[code]))


def _write_json(path: Path, content: dict) -> None:
    atomic_write(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def _facts(world: World) -> dict:
    return {
        code: {
            "persons": [name.strip() for name in LANGUAGES[code].names],
            "attributes": [a.name for a in LANGUAGES[code].attributes],
            "values": [
                [a.values[i].strip() for a, i in zip(LANGUAGES[code].attributes, row, strict=True)] for row in rows
            ],
        }
        for code, rows in world.facts.items()
    }


def _films(world: World) -> dict:
    emoji = tuple(EMOJI)
    return {"".join(film.title): "".join(emoji[i] for i in film.motifs) for film in make_films(world.seed)}


def _write_streams(
    out: Path,
    world: World,
    mixture: Mixture,
    encoder: PieceEncoder,
    tokenizer,
    header: dict,
    train_tokens: dict[int, int],
    validation_sequences: int,
    sequence_length: int,
) -> None:
    validation = make_validation(world, mixture, encoder, token_bytes(tokenizer), validation_sequences, sequence_length)
    save_validation(out / "validation.bin", validation, header)
    for seed, num_tokens in train_tokens.items():
        print(f"data: {mixture.name}, train_{seed}.bin, {num_tokens:,} tokens", flush=True)
        write_file(
            out / f"train_{seed}.bin", TokenStream(world, mixture, encoder, seed), num_tokens, header | {"seed": seed}
        )


def _write_manifest(out: Path, header: dict, left_out: Path | None = None) -> dict:
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "manifest.json" and left_out not in p.parents)
    manifest = header | {"sha256": {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    atomic_write(out / "manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return manifest


def build(
    out: Path,
    world_seed: int,
    mixture_name: str,
    train_tokens: dict[int, int],
    validation_sequences: int,
    sequence_length: int,
    num_items: int,
    passuntil: dict | None = None,
) -> dict:
    """Write all files of data/ and return the manifest of paper L's part (sha-256 of each), which is written last: a
    folder without one was not finished. `passuntil` are keyword arguments of build_passuntil, whose part lies in a
    folder of its own with its own manifest.
    """
    from tasks import TASKS
    from tasks.base import make_items, save_items

    (out / "items").mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    world = make_world(world_seed)
    tokenizer = train(tokenizer_texts(world))
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = PieceEncoder(tokenizer)
    header = {
        "tokenizer": fingerprint(tokenizer),
        "world_seed": world_seed,
        "mixture": mixture_name,
        "version": DATA_FORMAT_VERSION,
    }
    _write_json(out / "world.json", _facts(world))
    _write_streams(
        out,
        world,
        Mixture(mixture_name, world, encoder),
        encoder,
        tokenizer,
        header,
        train_tokens,
        validation_sequences,
        sequence_length,
    )
    for name, task in TASKS.items():
        save_items(out / "items" / f"{name}.jsonl", make_items(task, world, num_items))
    manifest = _write_manifest(out, header, left_out=out / PASSUNTIL_FOLDER)
    if passuntil is not None:
        build_passuntil(out / PASSUNTIL_FOLDER, world_seed, **passuntil)
    return manifest


def build_passuntil(
    out: Path,
    world_seed: int,
    series: dict[str, str],
    train_tokens: dict[int, int],
    validation_sequences: int,
    sequence_length: int,
    num_items: int,
) -> dict:
    """Write paper P's part of the data: one tokenizer and one set of items for all series, streams and validation set
    of each series (name -> mixture). Returns the manifest, which is written last."""
    from tasks import PASS_TASKS
    from tasks.base import make_items, save_items

    (out / "items").mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    world = make_world(world_seed)
    tokenizer = train_whole_words(tokenizer_texts(world, PASSUNTIL_MIXTURES))
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = PieceEncoder(tokenizer)
    header = {"tokenizer": fingerprint(tokenizer), "world_seed": world_seed, "version": DATA_FORMAT_VERSION}
    _write_json(out / "world.json", {"facts": _facts(world), "films": _films(world)})
    for name, mixture_name in series.items():
        (out / name).mkdir(exist_ok=True)
        _write_streams(
            out / name,
            world,
            Mixture(mixture_name, world, encoder),
            encoder,
            tokenizer,
            header | {"mixture": mixture_name},
            train_tokens,
            validation_sequences,
            sequence_length,
        )
    for name, task in PASS_TASKS.items():
        save_items(out / "items" / f"{name}.jsonl", make_items(task, world, num_items))
    return _write_manifest(out, header | {"mixtures": dict(series)})


def main() -> int:
    """Read the profile, build its data folder, print what was built."""
    from profiles.paths import Paths
    from profiles.profile import data_plan, default_profile

    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("--profile", default=None, help="default: the profile named in params.yaml")
    asked = parser.parse_args().profile
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        profile = asked or default_profile()
        plan = data_plan(profile)
        with exclusive(Paths(profile).lock, f"profile {profile}"):
            remove_leftovers(plan["out"])
            manifest = build(**plan)
    except (ValueError, OSError) as error:
        print(f"corpus: {explain(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("corpus: stopped; the data are not finished, start the same command again", file=sys.stderr)
        return 130
    print(f"data: {len(manifest['sha256'])} files in {plan['out']}, tokenizer {manifest['tokenizer'][:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
