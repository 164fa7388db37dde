"""Where each public table comes from: repository, pinned revision, paths, licence, and the checksum of its content.

Checksums are those of the uncompressed csv, since gzip writes other bytes with every version of zlib. They stand for
the tables: a stage depends on this file and not on tables that nobody commits.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicSource:
    """file: name in the folder of tables; repository and revision on GitHub; paths in it that the table is assembled
    from (files where assemble.py can do it, else files and folders); licence shown there; sha256 of the uncompressed
    content; about: what one row is."""

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
        f"{size}-{multiple}"
        for size in ("190M", "370M", "760M", "1B", "3B")
        for multiple in ("0.5xC", "1xC", "1xC-rerun", "2xC", "5xC", "10xC")
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
    ),
    "pythia": PublicSource(
        "pythia_checkpoints.csv",
        "EleutherAI/pythia",
        "a19eecb807ec2c79a39ebf18108816e6ffffc1d5",
        ("evals",),
        "Apache-2.0",
        "3ce3cbb435a124179a9c3e6f8f31532a654e32f775f1a6af37aeedff8ba78d6d",
        "one score of one checkpoint of one Pythia model, v0 and v1",
    ),
    "gadre": PublicSource(
        "gadre_open_lm_104models.csv",
        "mlfoundations/scaling",
        "a003c4913793ac2ae7ef87b28ecb562955d026d5",
        ("exp_data/models", "exp_data/evals"),
        "MIT",
        "162c9e53ec0c99e32e0c1e3fcc253a45b0ffa49a4f6b4262202ccadd1b944321",
        "one final model of 11M to 6.9B on one of three corpora: losses, 46 tasks",
    ),
    "gemstones": PublicSource(
        "gemstones_checkpoints.csv.gz",
        "mcleish7/gemstone-scaling-laws",
        "5f420478f6057b0cbb4d13405fb10ca64675bccb",
        ("benchmarks/light_eval_df.parquet", "benchmarks/fineweb_dclm_losses_combined.jsonl"),
        "MIT",
        "1d6b3fa114bc613092dd1d5da15e3e5a2c4c393c0ff7ec84a866d0c04ecc8085",
        "one checkpoint of one of 22 shapes of 48M to 2.0B on one corpus",
    ),
    "dclm": PublicSource(
        "dclm_model_database.csv.gz",
        "mlfoundations/dclm",
        "361714bdd60bb9b7f4b2d8354cebbf0dec0c329e",
        ("assets/DCLM_model_database.csv",),
        "MIT",
        "67b48254e521948bb4e76f63b71231d91c1a8dd22441979d702f8e9926309ca2",
        "one model of DataComp-LM: letter and cloze scores, no loss",
    ),
    "obsscaling": PublicSource(
        "obsscaling/base_llm_benchmark_eval.csv",
        "ryoungj/ObsScaling",
        "4d6e1e43fd2635d04654aa77d1df9d5266ea0382",
        ("eval_results/base_llm_benchmark_eval.csv",),
        "Apache-2.0",
        "511996815735a4c46251dc585dcc525e370d148201f86561e6f927f9df2d0db8",
        "one base model of 46 families: benchmark scores, no loss",
    ),
    "math_attempts": PublicSource(
        "pythia_math_10000_attempts.csv.gz",
        "RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-Get-Their-Power",
        "cd078aef2a13e4310fab204860b99c4c39c25d40",
        ("data/processed_data/large_language_monkeys_original_pass_at_k.parquet",),
        "none shown; attempts of Brown et al. (2407.21787)",
        "694b2028b21be942bf7ef2d1d6caa4151cf4f91355a5eb6db02bda0a87f620a1",
        "one MATH item of one of seven Pythia sizes: passes in 10,000 attempts",
    ),
    "pass_counts": PublicSource(
        "pythia_pass_counts_by_checkpoint.csv.gz",
        "RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-Get-Their-Power",
        "cd078aef2a13e4310fab204860b99c4c39c25d40",
        ("data/raw_data/large_language_monkeys",),
        "none shown",
        "6da657c9519367e5a94f67cb5a6a5f4f00dab409671e19842c3c32a6e98b970b",
        "one item of GSM8K or MATH at one of nine sizes and nine checkpoints: attempts and passes",
    ),
    "reference_nll": PublicSource(
        "pythia_gsm8k_reference_nll.csv.gz",
        "RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-Get-Their-Power",
        "cd078aef2a13e4310fab204860b99c4c39c25d40",
        ("data/processed_data/gpt4_gsm8k_neg_log_likelihood.parquet",),
        "none shown",
        "6eb1522c7c4f34afef2b8800c1f12726b8cfecd71df7a8e90b3b7eebf0568742",
        "one GSM8K item at one of nine Pythia checkpoints: loss of a reference solution",
    ),
    "difficulty": PublicSource(
        "difficulty_groups_56_models.csv.gz",
        "tony10101105/ExpEmergence",
        "288b731d68fbc0328de28d394af108da71a09d36",
        ("data",),
        "MIT",
        "945ad9d365d8f9dce196346a6fbc798929dfbce9fc3976a2407ba0a598faeea6",
        "one model, one task, one group of items by difficulty: Brier score or accuracy",
    ),
}
