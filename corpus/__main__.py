"""`python -m corpus [--profile P]`: the corpus part of a profile's data. `python -m tasks` adds the items and the
manifests; `python -m ladder data` does both and compares with what is committed.

With --text it makes a token file of anybody's texts instead, to train on:

    python -m corpus --text corpus.jsonl --field text --out tokens.bin
"""

import argparse
import signal
from pathlib import Path

from corpus.build import PASSUNTIL_FOLDER, build_corpus, build_passuntil_corpus
from corpus.texts import freeze_texts, read_texts
from corpus.tokenizer import load_tokenizer
from files.atomic import remove_leftovers
from files.lock import exclusive
from profiles.paths import ROOT, Paths
from profiles.profile import add_profile_option, data_plan, run_command


def main(arguments: argparse.Namespace) -> None:
    """Build the corpus part of a profile's data, or a token file of texts."""
    if arguments.text is not None:
        freeze_command(arguments)
        return
    plan = data_plan(arguments.profile)
    with exclusive(Paths(arguments.profile).lock, f"profile {arguments.profile}"):
        out = plan["out"]
        remove_leftovers(out)
        build_corpus(out, **plan["corpus"])
        build_passuntil_corpus(out / PASSUNTIL_FOLDER, **plan["passuntil_corpus"])
    print(f"{out}: corpus written; `python -m tasks --profile {arguments.profile}` adds the items")


def freeze_command(arguments: argparse.Namespace) -> None:
    """Make a token file of texts. ValueError where there is no place for it, or it is there already."""
    if arguments.out is None:
        raise ValueError("--text: name the token file to write with --out")
    if arguments.out.exists():
        raise ValueError(f"{arguments.out}: is there already; delete it or name another with --out")
    tokenizer = load_tokenizer(arguments.tokenizer)
    texts = read_texts(arguments.text, arguments.field, arguments.split, arguments.revision)
    count = freeze_texts(arguments.out, texts, tokenizer, arguments.max_tokens)
    print(f"{arguments.out}: {count:,} tokens")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_profile_option(out)
    out.add_argument("--text", metavar="FILE, FOLDER or NAME", help="texts to make a token file of, through `datasets`")
    out.add_argument("--field", default="text", help="field of a row that holds its text (default: %(default)s)")
    out.add_argument("--split", default="train", help="split of a data set on the hub (default: %(default)s)")
    out.add_argument("--revision", help="revision of a data set on the hub; pin it where results must be repeatable")
    out.add_argument("--tokenizer", type=Path, default=ROOT / "data" / "tokenizer.json", help="default: %(default)s")
    out.add_argument("--max-tokens", type=int, help="stop after so many")
    out.add_argument("--out", type=Path, help="token file to write")
    return out


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_command(main, parser())
