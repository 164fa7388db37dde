"""Single tamperings of results: raw tables, what is made of them, README; alone, and together with their hashes in the
lock."""

from tests.tampered_files import (
    Change,
    add_to,
    append,
    csv_cell,
    csv_lines,
    cut,
    delete,
    doubled,
    edit_lock,
    flip_byte,
    json_entry,
    parquet,
    replace,
    restamped,
    reversed_rows,
    set_all,
    together,
    with_hash,
    without_row,
    write,
)
from tests.tamperings import CODE, CPU, FULL, LOCKS, PLANS, README, VERDICTS, of_locks

MADE = {
    "results.csv: a digit": csv_cell("results/cpu/loss_tab2_correlations.csv", 9, "value"),
    "results.csv of full: a digit": csv_cell(f"{FULL}/passuntil_fig5_instances.csv", 50, "value"),
    "results.csv: a row less": csv_lines("results/cpu/loss_fig4_metrics.csv", lambda lines: lines[:-1]),
    "results.csv: empty": write("results/cpu/loss_fig4_metrics.csv", ""),
    "results.csv: gone": delete("results/cpu/loss_fig4_metrics.csv"),
    "picture: a byte": flip_byte("figures/cpu/loss_fig4_metrics.png"),
    "picture of full: gone": delete("figures/full/loss_fig4_metrics.png"),
    "table: a digit": replace("figures/cpu/loss_tab1_tasks.md", "5", "6"),
    "verdicts.json: a verdict": json_entry(VERDICTS["full"], "verdict", "replicated", 1),
    "verdicts.json: cut": cut(VERDICTS["cpu"]),
    "report: a line": append("figures/cpu/report.md", "More.\n"),
    "report of full: cut": cut("figures/full/report.md"),
    "verdict table: a digit": replace("figures/cpu/verdict_table.md", ">= 0.9", ">= 0.8"),
}

RAW = {
    "scores: gone": delete(f"{CPU}/loss/scores.parquet"),
    "scores: cut": cut(f"{CPU}/loss/scores.parquet"),
    "scores: empty": write(f"{CPU}/loss/scores.parquet", ""),
    "a part of the scores: gone": delete(f"{CPU}/loss/scores/long_3M_s0.parquet"),
    "a part of the scores: a byte": flip_byte(f"{CPU}/loss/scores/long_3M_s0.parquet"),
    "a foreign part": write(f"{CPU}/loss/scores/other.parquet", "PAR1"),
    "pass rates: cut": cut(f"{FULL}/passuntil/pass_rates.parquet"),
    "runs.csv: empty": write(f"{CPU}/loss/runs.csv", ""),
    "runs.csv: its head alone": csv_lines(f"{CPU}/loss/runs.csv", lambda lines: lines[:1]),
    "runs.csv: a digit": csv_cell(f"{FULL}/loss/runs.csv", 4, "num_parameters"),
    "passuntil/runs.csv: a row less": csv_lines(f"{CPU}/passuntil/runs.csv", lambda lines: lines[:-1]),
    "losses.csv: a digit": csv_cell(f"{CPU}/passuntil/losses.csv", 4, "loss_nats"),
    "all results of full": delete(FULL),
    "results and lock of full": together(delete(FULL), delete(LOCKS["full"])),
}


def _forged(name: str, changes: dict[str, Change]) -> dict[str, Change]:
    return {
        f"with its hash: {name.removeprefix('results/')}: {what}": with_hash(name, change)
        for what, change in changes.items()
    }


def _runs(name: str) -> dict[str, Change]:
    cells = {
        "weight_hash": None,
        "recipe_hash": None,
        "tokens_seen": None,
        "trained_tokens": None,
        "num_parameters": None,
        "size": "9M",
        "seed": "7",
        "series": "other",
        "schedule": "none",
        "parent": "nobody",
        "run": "nobody",
        "precision": "fp16",
    }
    found = {column: csv_cell(name, 2, column, value) for column, value in cells.items()}
    return found | {
        "a setting": replace(name, '""weight_decay"":0.1', '""weight_decay"":0.2'),
        "a shape": replace(name, '""d_ff"":', '""d_ff"":1'),
        "a row less": csv_lines(name, lambda lines: [*lines[:3], *lines[4:]]),
        "a row twice": csv_lines(name, lambda lines: [*lines, lines[-1]]),
        "two rows changed over": csv_lines(name, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]),
        "its head alone": csv_lines(name, lambda lines: lines[:1]),
    }


FORGED = {
    **_forged(
        "results/cpu/loss_tab2_correlations.csv",
        {"a digit": csv_cell("results/cpu/loss_tab2_correlations.csv", 9, "value")},
    ),
    **_forged(f"{FULL}/loss_fig4_metrics.csv", {"a digit": csv_cell(f"{FULL}/loss_fig4_metrics.csv", 11, "high")}),
    **_forged(
        "results/cpu/loss_tab3_corpus.csv",
        {"a row less": csv_lines("results/cpu/loss_tab3_corpus.csv", lambda lines: lines[:-1])},
    ),
    **_forged("figures/cpu/loss_tab1_tasks.md", {"a digit": replace("figures/cpu/loss_tab1_tasks.md", "5", "6")}),
    **_forged(
        "figures/full/loss_fig4_metrics.png",
        {
            "another picture": lambda overlay: overlay.write(
                "figures/full/loss_fig4_metrics.png", overlay.read("figures/cpu/loss_fig4_metrics.png")
            )
        },
    ),
    **_forged(VERDICTS["cpu"], {"a verdict": json_entry(VERDICTS["cpu"], "verdict", "replicated", 1)}),
    **_forged(
        VERDICTS["full"],
        {
            "a value": json_entry(VERDICTS["full"], "value", 0.5, 9),
            "a criterion": json_entry(VERDICTS["full"], "criterion", "<= 9"),
        },
    ),
    **_forged("figures/cpu/report.md", {"a digit": replace("figures/cpu/report.md", "0.8", "0.7")}),
    **_forged("figures/full/report.md", {"a line": append("figures/full/report.md", "More.\n")}),
    **_forged(
        "figures/full/verdict_table.md",
        {"a verdict": replace("figures/full/verdict_table.md", "not replicated", "replicated")},
    ),
    **_forged(
        f"{CPU}/loss/scores.parquet",
        {
            "a value": parquet(f"{CPU}/loss/scores.parquet", add_to("value", 0.01)),
            "a loss": parquet(f"{CPU}/loss/scores.parquet", add_to("loss_nats", 1e-9)),
            "a row less": parquet(f"{CPU}/loss/scores.parquet", without_row),
            "rows changed over": parquet(f"{CPU}/loss/scores.parquet", reversed_rows),
            "a column less": parquet(f"{CPU}/loss/scores.parquet", lambda table: table.drop_columns(["high"])),
            "no row": parquet(f"{CPU}/loss/scores.parquet", lambda table: table.slice(0, 0)),
            "other weights": parquet(f"{CPU}/loss/scores.parquet", set_all("weight_hash", "0" * 64)),
            "other questions": restamped(f"{CPU}/loss/scores.parquet", b"evaluation_hash", b"0", b"1"),
        },
    ),
    **_forged(
        f"{CPU}/loss/scores/long_3M_s0.parquet",
        {
            "a value": parquet(f"{CPU}/loss/scores/long_3M_s0.parquet", add_to("value", 0.01)),
            "another recipe": restamped(
                f"{CPU}/loss/scores/long_3M_s0.parquet", b"stamps", b'"recipe": "', b'"recipe": "0'
            ),
            "of another run": parquet(f"{CPU}/loss/scores/long_3M_s0.parquet", set_all("run", "long_1.6M_s0")),
            "another compute": parquet(f"{CPU}/loss/scores/long_3M_s0.parquet", doubled("compute_flops")),
        },
    ),
    **_forged(
        f"{CPU}/passuntil/pass_rates.parquet",
        {
            "passes": parquet(f"{CPU}/passuntil/pass_rates.parquet", add_to("passes", 1)),
            "attempts": parquet(f"{CPU}/passuntil/pass_rates.parquet", add_to("attempts", 1)),
            "a bound": parquet(f"{CPU}/passuntil/pass_rates.parquet", set_all("log_pass_low", -1.0)),
            "positions": parquet(f"{CPU}/passuntil/pass_rates.parquet", set_all("pass_positions", [1, 2])),
        },
    ),
    **_forged(
        f"{CPU}/passuntil/pass_rates/series_prose_1M_s0.parquet",
        {
            "passes": parquet(f"{CPU}/passuntil/pass_rates/series_prose_1M_s0.parquet", add_to("passes", 1)),
            "a loss in its stamp": restamped(
                f"{CPU}/passuntil/pass_rates/series_prose_1M_s0.parquet", b"losses", b'"loss_nats": ', b'"loss_nats": 1'
            ),
            "another recipe": restamped(
                f"{CPU}/passuntil/pass_rates/series_prose_1M_s0.parquet", b"stamps", b'"recipe": "', b'"recipe": "0'
            ),
        },
    ),
    **_forged(
        f"{CPU}/loss/threshold_pass_rates.parquet",
        {
            "a loss": parquet(f"{CPU}/loss/threshold_pass_rates.parquet", add_to("loss_nats", 1e-6)),
            "passes": parquet(f"{CPU}/loss/threshold_pass_rates.parquet", add_to("passes", 1)),
        },
    ),
    **_forged(
        f"{CPU}/loss/threshold_pass_rates/long_3M_s0.parquet",
        {
            "other weights": parquet(
                f"{CPU}/loss/threshold_pass_rates/long_3M_s0.parquet", set_all("weight_hash", "0" * 64)
            )
        },
    ),
    **_forged(f"{CPU}/passuntil/losses.csv", {"a digit": csv_cell(f"{CPU}/passuntil/losses.csv", 4, "loss_nats")}),
    **_forged(f"{CPU}/loss/runs.csv", _runs(f"{CPU}/loss/runs.csv")),
    **_forged(f"{FULL}/passuntil/runs.csv", _runs(f"{FULL}/passuntil/runs.csv")),
}

SHOWN = {
    "a verdict in README": replace(README, "3 replicated, 5 **inconclusive**", "5 **replicated**, 3 inconclusive"),
    "a value in README": replace(README, "0.74 to 0.994", "0.94 to 0.994"),
    "a criterion in README": replace(README, ">= 0.9 |", ">= 0.5 |"),
    "the paper's number in README": replace(README, "-0.947 to -0.996", "-0.847 to -0.996"),
    "a link in README": replace(README, "figures/full/loss_fig5", "figures/cpu/loss_fig5"),
    "a line less in README's table": csv_lines(
        README, lambda lines: [line for line in lines if b"Brier score falls" not in line]
    ),
    "no table of paper P": replace(README, "| claim of paper P |", "| claims of paper P |"),
    "a table twice": replace(README, "## Run it", "| claim of paper L | x |\n| --- | --- |\n\n## Run it"),
    **{
        f"README: {old}": replace(README, old, new)
        for old, new in (
            ("over 92 % of", "over 72 % of"),
            ("climbs 48", "climbs 84"),
            ("(0.80 nats", "(0.08 nats"),
            ("to 31 % of", "to 13 % of"),
            ("to 0.96 and", "to 0.69 and"),
            ("within 2 %", "within 1 %"),
            ("5 and 24 %", "5 and 4 %"),
            ("pass 97 to", "pass 98 to"),
            ("by 0.3 to", "by 0.4 to"),
            ("(31 runs", "(32 runs"),
            ("attempts an item", "tries an item"),
            ("of 1,024 tokens", "of 1,025 tokens"),
            ("each with three seeds", "each with five seeds"),
            ("2.2 GB", "1.2 GB"),
            ("Heads are 16", "Heads are 64"),
            ("## Licence", "All 131 claims hold.\n\n## Licence"),
        )
    },
    "a speed in README": replace(README, "258,923", "358,923"),
    "a ratio in README": replace(README, "| 2.69 |", "| 9.69 |"),
    "the end of the speeds": replace(README, "<!-- end of what it made -->", ""),
    "README: gone": delete(README),
    "README: empty": write(README, ""),
}

# What is not found, and why. None of it changes a table, a figure or a verdict.
OUT_OF_SCOPE: dict[str, tuple[Change, str]] = {
    "a clock in runs.csv with its hash": (
        with_hash(f"{CPU}/loss/runs.csv", csv_cell(f"{CPU}/loss/runs.csv", 2, "train_seconds")),
        "no second run repeats a clock reading, and nothing is made of it",
    ),
    "the device in runs.csv with its hash": (
        with_hash(f"{CPU}/loss/runs.csv", csv_cell(f"{CPU}/loss/runs.csv", 2, "device", "cpu (arm64)")),
        "where a run was trained is known from its record alone",
    ),
    "hash of checkpoints in the lock": (
        edit_lock("dvc.lock", lambda content: content["stages"]["train_loss"]["outs"][0].update(md5="0" * 32 + ".dir")),
        (
            "checkpoints are not in git; their hash has something to be compared with only where they lie, and a new "
            "training tells by weight_hash"
        ),
    ),
    "a sentence without a number": (replace(README, "The core holds", "The core fails"), "words are no results"),
    "a section that changes no result": (
        replace("profiles/cpu.yaml", "reuse_scores: false", "reuse_scores: true"),
        "sweep and cost stand in no stage",
    ),
    "a benchmark's field that README does not show": (
        replace("benchmarks/results/train_cpu.json", '"first_loss_nats": 7', '"first_loss_nats": 6'),
        "no second run of peers' tools is made, and README shows none of it",
    ),
    "a test": (append("tests/test_layout.py"), "no result is made by it"),
    "the licence": (append("LICENSE"), "no result is made of it"),
}

TAMPERINGS: dict[str, Change] = {**CODE, **PLANS, **of_locks(), **MADE, **RAW, **FORGED, **SHOWN}
