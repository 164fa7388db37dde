"""Where each public table comes from: repository, pinned revision, paths, licence, and the checksum of its content.

Checksums are those of the uncompressed csv, since gzip writes other bytes with every version of zlib. They stand for
the tables: a stage depends on this file and not on tables that nobody commits.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicSource:
    """file: name in the folder of tables; repository and revision on GitHub; paths in it that the table is assembled
    from (files where assemble.py can do it, else files and folders); licence shown there; sha256 of the uncompressed
    content; about: what one row is; fetched_sha256: of the content as fetch makes it, where that has only the columns
    that are read here."""

    file: str
    repository: str
    revision: str
    paths: tuple[str, ...]
    licence: str
    sha256: str
    about: str
    fetched_sha256: str = ""

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
_MULTIPLES = ("0.25", "0.5", "1.0", "2.0", "4.0", "8.0", "16.0", "32.0")
_SHAPES = ("d=96_l=8_h=4", "d=512_l=8_h=4", "d=576_l=24_h=8", "d=1024_l=24_h=8")
GADRE_MODELS = tuple(
    f"{corpus}-{shape}-{multiple}"
    for corpus, largest in (("c4_original", "4.0"), ("rpj", "32.0"), ("rw_original", "16.0"))
    for shape, multiples in (
        *((shape, _MULTIPLES) for shape in _SHAPES),
        *(("open_lm_1b", ("1.0", largest)), ("open_lm_7b", ("1.0",))),
    )
    for multiple in multiples
    if (corpus, shape, multiple) != ("c4_original", _SHAPES[-1], "32.0")  # never trained
)
DIFFICULTY_FILES = tuple(
    f"{task}/{kind}{task}_instance_brier_-1000_{threshold}_10_{choices}.csv"
    for task, threshold, also in (
        ("abstract_narrative_understanding", "199.52623149688787", False),
        ("analogical_similarity", "100", False),
        ("arc", "199.52623149688787", False),
        ("arithmetic", "63.09573444801933", True),
        ("conceptual_combinations", "31.622776601683793", False),
        ("hellaswag", "199.52623149688787", False),
        ("hindu_knowledge", "10", False),
        ("mmlu", "31.622776601683793", True),
        ("parsinlu_qa_mc", "199.52623149688787", True),
    )
    for kind, choices in ((("acc_", "redist"),) * also) + (("", "redist"),) + ((("", "undist"),) * also)
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
    # Pythia's table is not assembled here. It takes 1,400 files of evals/pythia-v0 and evals/pythia-v1, one per
    # checkpoint, which bear the date of the evaluation in their names; 90 v0 files that are named five-shot and whose
    # config says 0 shots are left out, of repeated evaluations the latest is kept, MMLU's 57 subjects are joined once
    # by subject and once by question, and tokens are the step times 2,097,152 (v0 160m, 410m, 1.4b: 4,194,304).
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
        tuple(f"exp_data/models/{name}.json" for name in GADRE_MODELS)
        + tuple(f"exp_data/evals/evaluation_{name}_heavy.json" for name in GADRE_MODELS),
        "MIT",
        "162c9e53ec0c99e32e0c1e3fcc253a45b0ffa49a4f6b4262202ccadd1b944321",
        "one final model of 11M to 6.9B on one of three corpora: losses, 46 tasks",
    ),
    "gemstones": PublicSource(
        "gemstones_checkpoints.csv.gz",
        "mcleish7/gemstone-scaling-laws",
        "5f420478f6057b0cbb4d13405fb10ca64675bccb",
        (
            "benchmarks/light_eval_df.parquet",
            "benchmarks/fineweb_dclm_losses_combined.jsonl",
            "benchmarks/fineweb_edu_losses_combined.jsonl",
        ),
        "MIT",
        "1d6b3fa114bc613092dd1d5da15e3e5a2c4c393c0ff7ec84a866d0c04ecc8085",
        "one checkpoint of one of 22 shapes of 48M to 2.0B on one corpus",
        "7874f8e761c4b368c640f0e19482d46b82c3614cfc74714a0d37e138a12a78c8",
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
        (
            "data/raw_data/large_language_monkeys/gsm8k_pass_at_k.parquet",
            "data/raw_data/large_language_monkeys/math_pass_at_k.parquet",
            "data/raw_data/gpt4_gsm8k/models_pythia.csv",
        ),
        "none shown",
        "6da657c9519367e5a94f67cb5a6a5f4f00dab409671e19842c3c32a6e98b970b",
        "one item of GSM8K or MATH at one of nine sizes and nine checkpoints: attempts and passes",
    ),
    "reference_nll": PublicSource(
        "pythia_gsm8k_reference_nll.csv.gz",
        "RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-Get-Their-Power",
        "cd078aef2a13e4310fab204860b99c4c39c25d40",
        ("data/processed_data/gpt4_gsm8k_neg_log_likelihood.parquet", "data/raw_data/gpt4_gsm8k/models_pythia.csv"),
        "none shown",
        "6eb1522c7c4f34afef2b8800c1f12726b8cfecd71df7a8e90b3b7eebf0568742",
        "one GSM8K item at one of nine Pythia checkpoints: loss of a reference solution",
    ),
    "difficulty": PublicSource(
        "difficulty_groups_56_models.csv.gz",
        "tony10101105/ExpEmergence",
        "288b731d68fbc0328de28d394af108da71a09d36",
        tuple(f"data/{path}" for path in DIFFICULTY_FILES),
        "MIT",
        "945ad9d365d8f9dce196346a6fbc798929dfbce9fc3976a2407ba0a598faeea6",
        "one model, one task, one group of items by difficulty: Brier score or accuracy",
    ),
}
