"""Letter against cloze on the same items: thresholds, widths of the rise, shapes; on loss, compute and tokens."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, bootstrap_runs, failed, from_replicates
from analysis.onset.fit import onset_by_run, shared_threshold
from analysis.onset.rise import Rise, rise_span
from analysis.onset.shapes import compare_shapes
from analysis.onset.threshold import HingeFit, fit_hinge
from experiments.public.judged import judged_tasks, judged_together
from experiments.public.stage import measure_public
from experiments.public.statistics import plain_number, statistic
from public_tables.benchmarks import BENCHMARKS
from public_tables.olmo import LOSSES, OLMO_TASKS, olmo_rows
from public_tables.rows import public_size_rows, stored, thinned
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_formats", ("olmo",)
MARGIN = 0.05  # a letter prior wanders by two to four points
MIN_GAIN = 0.30  # paper L's threshold_gain
DRAWN_LETTER, DRAWN_CLOZE, FITTED = 40, 12, 24  # checkpoints a run
HINGE_WINS = 2.0  # quasi-AICc
JUDGED = ("flat_share", "onset_spread_share")


def measure(tables: Mapping[str, PublicTable]) -> list:
    """The same items in letter and in cloze form against loss: statistics of both, and the points that are drawn."""
    rows = tables["olmo"].rows
    parts: list = [public_size_rows(rows)]
    fits: dict[str, HingeFit] = {}
    has_hinge: list[str] = []
    for task in OLMO_TASKS:
        letter, cloze = olmo_rows(rows, task, "letter"), olmo_rows(rows, task, "cloze")
        parts += [stored(thinned(letter, DRAWN_LETTER)), stored(thinned(cloze, DRAWN_CLOZE))]
        both = {form: _rise(one, task) for form, one in (("letter", letter), ("cloze", cloze))}
        shapes = _shape_statistics(task, letter, cloze)
        parts.append([*_rise_statistics(task, both, letter, cloze), *shapes])
        fit = fit_hinge(letter.run, letter.loss_nats, letter.value, BENCHMARKS[task].chance, letter.num_items)
        parts.append([statistic(task, "letter_threshold", fit.eta, letter), *_onset_statistics(task, letter)])
        if both["letter"].gain.ok and both["letter"].gain.estimate >= MIN_GAIN:
            fits[task] = fit
        if shapes[0]["value"] >= HINGE_WINS:
            has_hinge.append(task)
    few = olmo_rows(rows, "mmlu", "letter")
    parts.append(_spread_of_thresholds(fits, few, ""))
    parts.append(_spread_of_thresholds({task: fits[task] for task in fits if task in has_hinge}, few, "_where_hinge"))
    parts.append(_common_onset({task: olmo_rows(rows, task, "letter") for task in fits if task in has_hinge}))
    parts.append(_other_axes(rows))
    letter, cloze = form_rows(rows, "letter"), form_rows(rows, "cloze")
    parts += [judged_tasks(letter, JUDGED), judged_tasks(cloze, ["flat_share"], "_cloze")]
    parts.append(judged_together({task: letter[task] for task in fits}, ["task_onset_spread_share"]))
    return parts


def form_rows(rows: pd.DataFrame, form: str) -> dict[str, pd.DataFrame]:
    """Rows of each task in one form that claims are judged on: without warm-up, where the loss range of a claim
    begins."""
    trained = rows[~rows.is_warmup].reset_index(drop=True)
    return {task: olmo_rows(trained, task, form) for task in OLMO_TASKS}


def _rise(rows: pd.DataFrame, task: str) -> Rise:
    """Where one form of a task rises."""
    return rise_span(rows.run, rows.loss_nats, rows.value, BENCHMARKS[task].chance)


def _rise_statistics(task: str, both: dict[str, Rise], letter: pd.DataFrame, cloze: pd.DataFrame) -> list[dict]:
    """Gain, start, end and width of both forms, and the ratio of the widths."""
    found = []
    for form, rows in (("letter", letter), ("cloze", cloze)):
        found += [
            statistic(task, f"{form}_rise_{part}", getattr(both[form], part), rows)
            for part in ("gain", "start", "end", "width")
        ]
    first, second = both["letter"], both["cloze"]
    if first.width.ok and second.width.ok:
        ratio = from_replicates(
            first.width.estimate / second.width.estimate, first.draws / second.draws, num_runs=letter.run.nunique()
        )
    else:
        ratio = failed(first.status if not first.width.ok else second.status)
    return [*found, statistic(task, "rise_width_ratio", ratio, letter)]


def _shape_statistics(task: str, letter: pd.DataFrame, cloze: pd.DataFrame) -> list[dict]:
    """Quasi-AICc of the best smooth curve minus that of the best hinge, in both forms."""
    found = []
    for form, rows in (("letter", letter), ("cloze", thinned(cloze, FITTED))):
        shapes = compare_shapes(rows.run, rows.loss_nats, rows.value, BENCHMARKS[task].chance, rows.num_items)
        status = f"ok: best {shapes.best}" if shapes.status == "ok" else shapes.status
        value = shapes.hinge_advantage_aicc if shapes.status == "ok" else np.nan
        found.append(plain_number(task, f"{form}_hinge_advantage", value, rows, status))
    return found


def _onset_statistics(task: str, letter: pd.DataFrame) -> list[dict]:
    """The loss at which each run lastingly leaves chance, with the checkpoints on either side, and the runs' mean."""
    onsets = onset_by_run(letter, BENCHMARKS[task].chance, MARGIN)
    found = [
        statistic(task, "letter_onset", Estimate(row.onset_loss_nats, row.low, row.high, row.status), None, run=row.run)
        for row in onsets.itertuples()
    ]
    shared = shared_threshold(onsets.onset_loss_nats, onsets.low, onsets.high, float(np.ptp(letter.loss_nats)))
    return [
        *found,
        statistic(task, "letter_onset_mean", shared.centre, letter),
        statistic(task, "letter_onset_sd_share", shared.ratio, letter),
    ]


def _spread_of_thresholds(fits: dict[str, HingeFit], rows: pd.DataFrame, suffix: str) -> list[dict]:
    """Spread of the thresholds over tasks, draw by draw, since the draws of all tasks hold the same runs; suffix names
    the choice of tasks."""
    used = {task: fit for task, fit in fits.items() if fit.eta.ok}
    lost = [task for task in fits if task not in used]
    loss_range = float(np.ptp(rows.loss_nats))
    etas = np.array([fit.eta.estimate for fit in used.values()])
    draws = np.array([fit.draws for fit in used.values()])
    share = from_replicates(
        float(np.std(etas, ddof=1)) / loss_range,
        np.std(draws, axis=0, ddof=1) / loss_range,
        num_runs=rows.run.nunique(),
    )
    note = f"{len(used)} tasks: {', '.join(used)}" + (f"; no threshold of {', '.join(lost)}" if lost else "")
    return [
        statistic("all", f"task_threshold_sd_share{suffix}", share.noted(note), rows),
        plain_number("all", f"threshold_mean{suffix}", float(etas.mean()), rows, f"ok: {note}"),
    ]


def _common_onset(letters: dict[str, pd.DataFrame]) -> list[dict]:
    """Mean over runs of the onset of each task: its spread over tasks and its mean, with intervals over runs."""
    onsets = pd.DataFrame(
        {
            task: onset_by_run(rows, BENCHMARKS[task].chance, MARGIN).set_index("run").onset_loss_nats
            for task, rows in letters.items()
        }
    )
    both = {"sd": lambda table: float(np.std(table.mean(axis=0), ddof=1)), "mean": lambda table: float(table.mean())}
    note = f"{len(letters)} tasks: {', '.join(letters)}"
    return [
        statistic(
            "all", f"task_onset_{name}_where_hinge", bootstrap_runs(of, onsets.index, onsets.to_numpy()).noted(note)
        )
        for name, of in both.items()
    ]


def _other_axes(rows: pd.DataFrame) -> list[dict]:
    """Letter MMLU: its onset on other losses, and the runs' spread on loss, compute and tokens, each as a share of its
    range (compute and tokens in logs)."""
    found, items = [], BENCHMARKS["mmlu"]
    for name in LOSSES:
        letter = olmo_rows(rows, "mmlu", "letter", f"loss_{name}")
        found += [
            row | {"metric": f"{row['metric']}_on_{name}"}
            for row in _onset_statistics("mmlu", letter)
            if row["metric"] in ("letter_onset_mean", "letter_onset_sd_share")
        ]
    letter = olmo_rows(rows, "mmlu", "letter")
    for name in ("compute_flops", "tokens_seen"):
        # A falling axis, as onset_by_run wants: minus the logarithm.
        axis = letter.assign(loss_nats=-np.log(letter[name].astype(float)))
        onsets = onset_by_run(axis, items.chance, MARGIN)
        shared = shared_threshold(onsets.onset_loss_nats, onsets.low, onsets.high, float(np.ptp(axis.loss_nats)))
        found.append(statistic("mmlu", f"letter_onset_sd_share_on_{name}", shared.ratio, letter))
        for row in onsets.itertuples():
            ends = Estimate(*(float(np.exp(-x)) for x in (row.onset_loss_nats, row.high, row.low)), row.status)
            found.append(statistic("mmlu", f"letter_onset_{name}", ends, None, run=row.run))
    return found


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
