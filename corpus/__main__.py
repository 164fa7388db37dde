"""`python -m corpus [--profile P]`: build data/ (tokenizer, frozen token streams, validation set, items) byte for byte.

An entry point, so the one place in this room that knows paths and composes rooms.
"""

import argparse
import hashlib
import json
import random
import sys
from pathlib import Path

from corpus.lexicon import LANGUAGES
from corpus.mixture import KINDS, Mixture
from corpus.stream import TokenStream, make_validation, save_validation, write_file
from corpus.tokenizer import PieceEncoder, fingerprint, token_bytes, train
from corpus.world import World, make_world

NUM_TOKENIZER_DOCUMENTS = 400  # of each kind and language: enough that the merges no longer move
DATA_FORMAT_VERSION = 1


def tokenizer_texts(world: World):
    """Training text of the tokenizer: equally many documents of every kind, so that it does not hang on the mixture."""
    for name, kind in KINDS.items():
        for code in kind.languages:
            draw = random.Random(f"tokenizer/{world.seed}/{name}/{code}").random
            for _ in range(NUM_TOKENIZER_DOCUMENTS):
                yield "".join(kind.write(draw, world, LANGUAGES[code]))


def build(out: Path, world_seed: int, mixture_name: str, train_tokens: dict[int, int], validation_sequences: int, sequence_length: int,
          num_items: int) -> dict:
    """Write all files of data/ and return the manifest (sha-256 of each)."""
    from tasks import TASKS
    from tasks.base import make_items, save_items

    (out / "items").mkdir(parents=True, exist_ok=True)
    world = make_world(world_seed)
    tokenizer = train(tokenizer_texts(world))
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = PieceEncoder(tokenizer)
    mixture = Mixture(mixture_name, world, encoder)
    header = {"tokenizer": fingerprint(tokenizer), "world_seed": world_seed, "mixture": mixture_name, "version": DATA_FORMAT_VERSION}
    facts = {code: {"persons": [name.strip() for name in LANGUAGES[code].names], "attributes": [a.name for a in LANGUAGES[code].attributes],
                    "values": [[a.values[i].strip() for a, i in zip(LANGUAGES[code].attributes, row, strict=True)] for row in rows]}
             for code, rows in world.facts.items()}
    (out / "world.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    validation = make_validation(world, mixture, encoder, token_bytes(tokenizer), validation_sequences, sequence_length)
    save_validation(out / "validation.bin", validation, header)
    for seed, num_tokens in train_tokens.items():
        print(f"data: train_{seed}.bin, {num_tokens:,} tokens", flush=True)
        write_file(out / f"train_{seed}.bin", TokenStream(world, mixture, encoder, seed), num_tokens, header | {"seed": seed})
    for name, task in TASKS.items():
        save_items(out / "items" / f"{name}.jsonl", make_items(task, world, num_items))
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "manifest.json")
    manifest = header | {"sha256": {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return manifest


def main() -> int:
    """Read the profile, build its data folder, print what was built."""
    from experiments.profiles import data_plan

    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("--profile", default=None, help="default: the profile named in params.yaml")
    try:
        plan = data_plan(parser.parse_args().profile)
        manifest = build(**plan)
    except (ValueError, OSError) as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 2
    print(f"data: {len(manifest['sha256'])} files in {plan['out']}, tokenizer {manifest['tokenizer'][:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
