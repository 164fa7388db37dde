"""Where each public table comes from: repository, pinned revision, paths, licence, and the checksum of its content.

Checksums are those of the uncompressed csv, since gzip writes other bytes with every version of zlib. They stand for
the tables: a stage depends on this file and not on tables that nobody commits.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicSource:
    """file: name in the folder of tables; repository and revision on GitHub; paths of the files in it that the table is
    assembled from; licence shown there; sha256 of the uncompressed content; about: what one row is."""

    file: str
    repository: str
    revision: str
    paths: tuple[str, ...]
    licence: str
    sha256: str
    about: str

    @property
    def address(self) -> str:
        """The page of the pinned revision."""
        return f"https://github.com/{self.repository}/tree/{self.revision}"


OLMO_RUNS = (
    *(
        f"{n}-{m}"
        for n in ("190M", "370M", "760M", "1B", "3B")
        for m in ("0.5xC", "1xC", "1xC-rerun", "2xC", "5xC", "10xC")
    ),
    *("peteish7_eval_full", "peteish7_medlr_eval_full", "peteish7_eval_anneal"),
    *("peteish13_eval_full", "peteish13_eval_final"),
)
SOURCES = {
    "olmo": PublicSource(
        "olmo_ladder_checkpoints.csv.gz",
        "allenai/OLMo-ladder",
        "67a3f440f787d020da35e3ca8eeae475fae754f5",
        tuple(f"src/scripts/paper/data/ladder-runs/{run}.csv" for run in OLMO_RUNS),
        "Apache-2.0",
        "be9e707baf1ace031e870755131f4236711bb7eb955f73b0b3c70fd719b3548d",
        "one checkpoint of one run, 190M to 13B: losses on eleven corpora, scores in cloze and letter form",
    )
}
