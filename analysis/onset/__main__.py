"""`python -m analysis.onset table.csv ...`: the onset report of anybody's table of checkpoints.

    python -m analysis.onset table.csv --loss loss_c4 --run run --value accuracy --chance 0.25 --items 14042

One row of the table is one checkpoint of one run (csv, tsv, parquet or jsonl, also compressed). Prints the verdict
("threshold", "smooth", "not reached", "cannot tell") with its reason, the threshold with its interval, the onset of
each run and their spread, and whether size or group matters at equal loss.
"""

import argparse
import os
import sys
from pathlib import Path

from analysis.onset.report import onset_report
from analysis.onset.table import Columns, check_table, chosen_rows, items_of, read_table


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    out = argparse.ArgumentParser(
        prog="python -m analysis.onset", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("table", type=Path, help="csv, tsv, parquet or jsonl, one row per checkpoint")
    out.add_argument(
        "--loss",
        required=True,
        metavar="COLUMN",
        help="pre-training loss in nats per token (or any scale that all rows share)",
    )
    out.add_argument("--value", required=True, metavar="COLUMN", help="score, share or percent; it rises as loss falls")
    out.add_argument("--run", required=True, metavar="COLUMN", help="name of the run a checkpoint belongs to")
    out.add_argument(
        "--chance", required=True, type=float, help="score of a guesser, for example 0.25 for four options"
    )
    out.add_argument(
        "--items",
        metavar="COLUMN or NUMBER",
        help="questions behind each score; without it the noise is estimated from the scatter",
    )
    out.add_argument(
        "--tokens",
        metavar="COLUMN",
        help="tokens seen, which orders a run's checkpoints (default: the order of the file)",
    )
    out.add_argument(
        "--size", metavar="COLUMN", help="number of parameters: compares neighbouring bands of size at equal loss"
    )
    out.add_argument(
        "--group", metavar="COLUMN", help="corpus, family, ...: compares each with the largest group at equal loss"
    )
    out.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep these rows only; may be repeated"
    )
    out.add_argument(
        "--highest-loss",
        type=float,
        metavar="NATS",
        help="leave out checkpoints above (default: those far above the others)",
    )
    out.add_argument(
        "--margin", type=float, help="how far beyond chance counts as having left it (default: a tenth of the gain)"
    )
    out.add_argument(
        "--bound",
        type=float,
        default=0.05,
        help="difference at equal loss that counts as none (default 0.05 = 5 points)",
    )
    out.add_argument("--replicates", type=int, default=300, help="bootstrap replicates (default 300)")
    out.add_argument("--seed", type=int, default=0)
    out.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    out.add_argument("--picture", type=Path, metavar="FILE.png", help="draw it")
    return out


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the table or an argument cannot be used."""
    chosen = parser().parse_args(arguments)
    try:
        frame = chosen_rows(read_table(chosen.table), chosen.where)
        columns = Columns(
            chosen.loss,
            chosen.value,
            chosen.run,
            chosen.tokens,
            chosen.size,
            chosen.group,
            items_of(chosen.items, frame),
        )
        table = check_table(frame, columns, chosen.chance, chosen.highest_loss)
        report = onset_report(table, chosen.margin, chosen.bound, chosen.replicates, chosen.seed)
        print(report.text())
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(report.to_json(), encoding="utf-8")
        if chosen.picture:
            from analysis.onset.picture import draw_report  # Matplotlib only where a picture is wanted

            draw_report(table, report, chosen.picture, (f"{chosen.loss}, falling", chosen.value))
    except BrokenPipeError:
        # `... | head`: the reader has what it wanted; keep Python from complaining again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError) as error:
        print(f"python -m analysis.onset: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
