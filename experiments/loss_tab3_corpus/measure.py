"""Paper L, Table 3 and section 2.1: shares of tokens by language and by source, ours beside the paper's.

Language shares are counted on a fresh stretch of the training stream, made from the seed; source shares are what the
mixture is set to (the drawing weights follow from them, corpus/mixture.py). Reads no scores.
"""

import numpy as np
import pandas as pd

from analysis.intervals import bootstrap_items
from corpus.build import tokenizer_texts
from corpus.mixture import KINDS, Mixture, token_shares
from corpus.stream import TokenStream
from corpus.token_file import CHUNK_TOKENS, LANGUAGE_CODES
from corpus.tokenizer import PieceEncoder
from corpus.tokenizer_training import train_tokenizer
from corpus.world import make_world
from experiments.tables.published import load_published
from experiments.tables.stage import measure_main
from profiles.paths import Paths
from profiles.profile import load_profile

STEM = "loss_tab3_corpus"
NUM_CHUNKS = 12  # of 65,536 tokens each: 0.8M tokens give the share of a language to about half a percent


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Token shares by language (counted) and by source (as set), ours and the paper's (Table 3)."""
    corpus = load_profile(paths.profile).corpus
    rows = [
        {
            "kind": "published",
            "task": "all",
            "metric": f"{row.group}/{row.part}",
            "value": row.share,
            "status": f"paper L, {row.source}",
        }
        for row in load_published("table3_corpus").itertuples()
    ]
    by_source: dict[str, float] = {}
    for (kind, code), share in token_shares(corpus.mixture).items():
        rows.append(
            {"kind": "set", "task": "all", "metric": f"{code}/{kind}", "value": share, "status": KINDS[kind].source}
        )
        by_source[f"{code}/{KINDS[kind].source}"] = by_source.get(f"{code}/{KINDS[kind].source}", 0.0) + share
    for code, group in zip(LANGUAGE_CODES, ("english", "chinese")):
        total = sum(share for name, share in by_source.items() if name.startswith(f"{code}/"))
        rows += [
            {
                "kind": "set",
                "task": "all",
                "metric": f"{group}/{name.split('/')[1]}",
                "value": share / total,
                "status": "as set",
            }
            for name, share in by_source.items()
            if name.startswith(f"{code}/")
        ]
    return [rows, language_shares(corpus.world_seed, corpus.mixture)]


def language_shares(world_seed: int, mixture: str) -> list[dict]:
    """Share of each language's tokens in NUM_CHUNKS chunks of the stream of seed 0, with an interval over chunks."""
    world = make_world(world_seed)
    encoder = PieceEncoder(train_tokenizer(tokenizer_texts(world)))
    stream = TokenStream(world, Mixture(mixture, world, encoder), encoder, seed=0)
    languages = np.stack([stream.languages(chunk * CHUNK_TOKENS, CHUNK_TOKENS) for chunk in range(NUM_CHUNKS)])
    rows = []
    for index, code in enumerate(LANGUAGE_CODES):
        share = bootstrap_items(np.mean, (languages == index).mean(axis=1))
        rows.append(
            {
                "kind": "statistic",
                "task": "all",
                "metric": f"language/{code}",
                "seed": "0",
                "value": share.estimate,
                "low": share.low,
                "high": share.high,
                "num_items": languages.size,
                "status": share.status,
            }
        )
    return rows


if __name__ == "__main__":
    measure_main(STEM, measure)
