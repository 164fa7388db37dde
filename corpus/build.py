"""The corpus part of data/: tokenizers, frozen token streams, validation sets, the world's facts; byte for byte.

Paper P has a tokenizer and mixtures of its own; they lie in the folder passuntil/ of the data, one folder per series.
The items of the tasks and the manifests, which are written last, come from tasks/build.py.
"""

import hashlib
import json
import random
from pathlib import Path

from corpus.editions import edition_of
from corpus.mixture import Mixture, kinds_of, page_kind
from corpus.pages.films import EMOJI, make_films
from corpus.stream import TokenStream, make_validation
from corpus.token_file import save_validation, write_tokens
from corpus.tokenizer import PieceEncoder, fingerprint, load_tokenizer, token_bytes
from corpus.tokenizer_training import train_whole_words
from corpus.world import World, make_world
from files.atomic import atomic_write

NUM_TOKENIZER_DOCUMENTS = 400  # of each kind and language: enough that the merges no longer move
DATA_FORMAT_VERSION = 1
PASSUNTIL_FOLDER = "passuntil"
# Both train the tokenizer, whatever series a profile has: items are the same in every profile.
PASSUNTIL_MIXTURES = ("prose", "code")
MANIFEST = "manifest.json"  # a folder without one was not finished


def tokenizer_texts(world: World, mixtures: tuple[str, ...] = ("v1",)):
    """Training text of a tokenizer: equally many documents of every kind of `mixtures`, so that it does not depend
    on their shares."""
    for name in kinds_of(*mixtures):
        kind = page_kind(name)
        for code in kind.languages:
            draw = random.Random(f"tokenizer/{world.seed}/{name}/{code}").random
            for _ in range(NUM_TOKENIZER_DOCUMENTS):
                yield "".join(kind.write(draw, world, world.languages[code]))


def _write_json(path: Path, content: dict) -> None:
    atomic_write(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def _facts(world: World) -> dict:
    return {
        code: {
            "persons": [name.strip() for name in world.names(code)],
            "attributes": [a.name for a in language.attributes],
            "values": [[a.values[i].strip() for a, i in zip(language.attributes, row, strict=True)] for row in rows],
        }
        | world.more_truths(code)
        for code, rows in world.facts.items()
        for language in (world.languages[code],)
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
        write_tokens(
            out / f"train_{seed}.bin", TokenStream(world, mixture, encoder, seed), num_tokens, header | {"seed": seed}
        )


def write_manifest(out: Path, header: dict, left_out: Path | None = None) -> dict:
    """List every file with its sha-256, those of `left_out` aside; returns what was written."""
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != MANIFEST and left_out not in p.parents)
    manifest = header | {"sha256": {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    atomic_write(out / MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return manifest


def build_corpus(
    out: Path,
    world_seed: int,
    mixture_name: str,
    train_tokens: dict[int, int],
    validation_sequences: int,
    sequence_length: int,
    further_mixtures: tuple[str, ...] = (),
) -> None:
    """Write paper L's part but its items: tokenizer, facts, validation set, and the stream of each seed.

    further_mixtures: of the same edition, so that world, tokenizer and items serve them too; the validation set and
    the streams of each lie in a folder of its name. ValueError in one line for one of another edition."""
    edition = edition_of(mixture_name)
    if others := [name for name in further_mixtures if name not in edition.mixtures]:
        raise ValueError(
            f"corpus.further_mixtures: {others[0]!r} is not of the edition of {mixture_name}; choose among"
            f" {', '.join(edition.mixtures)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    world = edition.world(world_seed)
    tokenizer = edition.tokenizer(tokenizer_texts(world, edition.taught_by), world)
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = PieceEncoder(tokenizer)
    _write_json(out / "world.json", _facts(world))
    for name in (mixture_name, *further_mixtures):
        folder = out if name == mixture_name else out / name
        folder.mkdir(exist_ok=True)
        _write_streams(
            folder,
            world,
            Mixture(name, world, encoder),
            encoder,
            tokenizer,
            header(out, world_seed) | {"mixture": name},
            train_tokens,
            validation_sequences,
            sequence_length,
        )


def build_passuntil_corpus(
    out: Path,
    world_seed: int,
    series: dict[str, str],
    train_tokens: dict[int, int],
    validation_sequences: int,
    sequence_length: int,
) -> None:
    """Write paper P's part but its items: one tokenizer, and streams and validation set of each series (name ->
    mixture)."""
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    world = make_world(world_seed)
    tokenizer = train_whole_words(tokenizer_texts(world, PASSUNTIL_MIXTURES))
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = PieceEncoder(tokenizer)
    _write_json(out / "world.json", {"facts": _facts(world), "films": _films(world)})
    for name, mixture_name in series.items():
        (out / name).mkdir(exist_ok=True)
        _write_streams(
            out / name,
            world,
            Mixture(mixture_name, world, encoder),
            encoder,
            tokenizer,
            header(out, world_seed) | {"mixture": mixture_name},
            train_tokens,
            validation_sequences,
            sequence_length,
        )


def header(out: Path, world_seed: int) -> dict:
    """What every file of a part says of its making."""
    tokenizer = fingerprint(load_tokenizer(out / "tokenizer.json"))
    return {"tokenizer": tokenizer, "world_seed": world_seed, "version": DATA_FORMAT_VERSION}
