"""The verdicts as one table for people: one line per claim, tasks counted. `python -m paper.report` writes it, README
shows it."""

from experiments.style.markdown import markdown_table
from paper.claims import Claim
from paper.verdicts import VERDICTS


def counts(entries: list[dict]) -> str:
    """The verdict in words: one word where all tasks agree, else how many tasks got which."""
    found = {verdict: sum(entry["verdict"] == verdict for entry in entries) for verdict in VERDICTS}
    present = {verdict: number for verdict, number in found.items() if number}
    if len(present) == 1:
        return f"**{next(iter(present))}**" + (f" ({len(entries)} tasks)" if len(entries) > 1 else "")
    return ", ".join(
        f"{number} {'**' + verdict + '**' if number > len(entries) / 2 else verdict}"
        for verdict, number in present.items()
    )


def span(entries: list[dict]) -> str:
    """Our values: value and interval of a single task, smallest to largest value over several."""
    values = sorted(entry["value"] for entry in entries if entry["value"] is not None)
    if not values:
        return "n/a"
    if len(entries) == 1 and entries[0]["low"] is not None:
        return f"{three_digits(values[0])} [{three_digits(entries[0]['low'])}, {three_digits(entries[0]['high'])}]"
    return three_digits(values[0]) if len(values) == 1 else f"{three_digits(values[0])} to {three_digits(values[-1])}"


def three_digits(value: float) -> str:
    """Three significant digits, no exponent for numbers of ordinary size."""
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.2e}"


def verdict_table(claims: list[Claim], verdicts: list[dict], figure_link, paper: str = "L") -> str:
    """Markdown table of all claims of one paper; figure_link(folder) gives the link to a claim's figure."""
    rows = []
    for claim in (claim for claim in claims if claim.paper == paper):
        entries = [entry for entry in verdicts if entry["id"].split(".")[0] == claim.id]
        criterion = str(claim.criterion).replace("onset_loss_accuracy", "the accuracy onset")
        judged = [f"{claim.unit} {criterion}", span(entries), counts(entries)]
        rows.append(
            [f"{claim.claim} ({claim.source})", claim.paper_value or "none", *judged, figure_link(claim.folder)]
        )
    return markdown_table(
        [f"claim of paper {paper}", "the paper's number", "criterion", "ours", "verdict", "figure"], rows, is_text=True
    )
