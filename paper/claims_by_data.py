"""`python -m paper.claims_by_data`: for each claim of both papers one line, our ladder beside real models.

Reads results/full/verdicts.json and results/public/verdicts.json; writes results/public/claims_by_data.csv and
figures/public/claims_by_data.md, which README and the report show.
"""

import argparse
from pathlib import Path

import pandas as pd

from experiments.public.folders import PROFILE
from experiments.style.markdown import markdown_table
from files.atomic import atomic_write
from files.tables import read_json
from paper.claims import Claim, load_claims
from paper.judge import papers_claims
from paper.public_claims import ASKED_ANEW, PUBLIC_DATA_SETS, base_of, data_set_of, load_public_claims
from paper.verdict_table import counts
from profiles.paths import Paths
from profiles.profile import run_command

LADDER_PROFILE = "full"
STEM = "claims_by_data"
COLUMNS = ("paper", "id", "claim", "source", "our_ladder", "real_models", "link")
NO_TABLE = "no public table"
# What no public table can judge, by the claim's id in either version, and why.
NOT_PUBLIC = {
    "probabilities of the choices": (
        "continuous_choice_prob",
        "continuous_brier",
        "probability_turns_with_accuracy",
        "brier_turns_with_accuracy",
    ),
    "losses of two languages": ("mixed_loss_english", "mixed_loss_chinese"),
    "BIG-bench scores with losses": ("bigbench_flat", "bigbench_gain", "bigbench_flat_until_threshold"),
    "letter scores at many sizes": ("size_threshold",),
    "beam search beside samples": ("decoding_beam_few",),
    "answer losses of passable items over sizes": ("answer_loss_no_floor",),
    "in-context learning subtasks": ("accelerated", "accelerated_count", "circuits_win", "steps_do_not_help"),
    "pass rates by answer length": ("task_law_length",),
}


def claim_rows(ladder: list[dict], public: list[dict], claims: list[Claim]) -> list[dict]:
    """One row per claim of paper L and paper P, in the order of claims.yaml; claims that only a public table has been
    asked come last. `public` are verdicts of claims_public.yaml."""
    of_claim: dict[str, list[dict]] = {}
    for entry in public:
        base = base_of(_claim_id(entry))
        of_claim.setdefault(ASKED_ANEW.get(base, base), []).append(entry)
    dropped: dict[str, list[str]] = {}
    for claim in load_public_claims(with_dropped=True):
        if claim.id not in {_claim_id(entry) for entry in public}:
            base = base_of(claim.id)
            dropped.setdefault(ASKED_ANEW.get(base, base), []).append(claim.id)
    rows = []
    shown = {claim.id: claim for claim in claims if claim.paper in ("L", "P")}
    # What only a public table has been asked, in the words of its entry where claims.yaml has none.
    known = {ASKED_ANEW.get(base_of(one.id), base_of(one.id)): one for one in load_public_claims(with_dropped=True)}
    known |= papers_claims()
    asked = {name: known[name] for name in (*of_claim, *dropped) if name in known and name not in shown}
    later = {name: claim for name, claim in asked.items() if claim.paper in ("L", "P")}
    for name, claim in (shown | later).items():
        own = [entry for entry in ladder if _claim_id(entry) == name]
        rows.append(
            {
                "paper": claim.paper,
                "id": name,
                "claim": claim.claim,
                "source": claim.source,
                "our_ladder": counts(own) if own else "not asked",
                "real_models": _real_models(name, of_claim.get(name, []), dropped.get(name, [])),
                "link": " ".join(dict.fromkeys(entry["folder"] for entry in [*own, *of_claim.get(name, [])])),
            }
        )
    return rows


def _claim_id(entry: dict) -> str:
    return entry["id"].split(".")[0]


def _real_models(name: str, entries: list[dict], dropped: list[str]) -> str:
    by_table: dict[str, list[dict]] = {}
    for entry in entries:
        by_table.setdefault(data_set_of(_claim_id(entry)), []).append(entry)
    said = [f"{PUBLIC_DATA_SETS[table]}: {counts(found)}" for table, found in by_table.items()]
    said += [f"{PUBLIC_DATA_SETS[data_set_of(one)]}: cannot decide it" for one in dropped]
    if said:
        return "; ".join(said)
    if name.startswith("estimator_"):
        return "no model enters"
    needed = next((what for what, names in NOT_PUBLIC.items() if name in names), "")
    return f"{NO_TABLE} has {needed}" if needed else NO_TABLE


def table_text(rows: list[dict], root: Path) -> str:
    """The rows as a table for people, links to the pictures, relative to figures/public/."""
    lines = [
        [
            f"{row['claim']} ({row['paper']}, {row['source']})",
            row["our_ladder"],
            row["real_models"],
            " ".join(_link(folder, root) for folder in row["link"].split()),
        ]
        for row in rows
    ]
    head = ["claim (paper, place)", f"our ladder (profile {LADDER_PROFILE})", "real models", "figures"]
    return markdown_table(head, lines, is_text=True)


def _link(folder: str, root: Path) -> str:
    is_public = (Paths(PROFILE, root).figure(folder)).exists()
    return f"[{folder}]({'' if is_public else f'../{LADDER_PROFILE}/'}{folder}.md)"


def write_claims_by_data(paths: Paths, root: Path) -> tuple[Path, Path]:
    """Write both files; `root` holds results/full and the pictures that links lead to. Returns their paths."""
    ladder, public = (
        read_json(place.verdicts, str(place.verdicts.relative_to(root)), "run `make figures`", list)
        for place in (Paths(LADDER_PROFILE, root), Paths(PROFILE, root))
    )
    rows = claim_rows(ladder, public, load_claims())
    csv, text = paths.results / f"{STEM}.csv", paths.figures / f"{STEM}.md"
    atomic_write(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n").encode())
    atomic_write(text, table_text(rows, root).encode())
    return csv, text


def main(arguments: argparse.Namespace) -> None:
    """Write both files and name them."""
    paths = Paths(PROFILE)
    for path in write_claims_by_data(paths, paths.root):
        print(path.relative_to(paths.root))


if __name__ == "__main__":
    run_command(main, argparse.ArgumentParser(description=__doc__))
