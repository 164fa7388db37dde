"""Table in, verdict out: does this ability have a threshold in loss, where, and do model size or corpus matter once
loss is known?

The statistics that paper L's claims rest on, on anybody's table, in one call. The verdict is one word, with its reason:

    threshold    at chance over a part of the loss range that deserves the name, then rising from one loss on (paper L,
    Eq. 3) smooth       rises from the highest loss on, or a smooth curve describes it better than any hinge
    not reached  nothing rises above chance
    cannot tell  a smooth curve and a hinge do equally well, or too few checkpoints or losses; the reason says which
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.onset.fit import SharedThreshold, onset_by_run, shared_threshold
from analysis.onset.group_effect import GroupEffect, group_effects, size_band_effects
from analysis.onset.table import Checkpoints
from analysis.onset.threshold import HingeFit, fit_hinge

MIN_ROWS = 8
# An onset is where a run has lastingly made this share of the gain: with thousands of items a letter bias of a point or
# two is no ability.
GAIN_SHARE = 0.1
MIN_CHECKPOINTS = 4
FEW_RUNS = 3


@dataclass(frozen=True)
class OnsetReport:
    """verdict and reason as above; eta: the threshold in nats with the interval of fit_hinge; gain: best score of the
    pooled curve minus chance; margin: what counts as having left chance; onsets: one row per run; shared: their spread;
    sizes, groups: differences at equal loss; notes: what was done to the table, and warnings."""

    verdict: str
    reason: str
    eta: Estimate
    gain: float
    margin: float
    onsets: pd.DataFrame
    shared: SharedThreshold | None
    sizes: list[GroupEffect]
    groups: list[GroupEffect]
    notes: tuple[str, ...]
    hinge: HingeFit

    def to_json(self) -> str:
        """The report as JSON, numbers to six digits, what is not finite as null."""
        content = {
            "verdict": self.verdict,
            "reason": self.reason,
            "eta": _plain(self.eta),
            "gain": _six(self.gain),
            "margin": _six(self.margin),
            "onsets": json.loads(self.onsets.to_json(orient="records", double_precision=6)),
            "onset_spread": (
                None
                if self.shared is None
                else {
                    "status": self.shared.status,
                    "centre": _plain(self.shared.centre),
                    "share_of_loss_range": _plain(self.shared.ratio),
                }
            ),
            "sizes_at_equal_loss": [_effect(effect) for effect in self.sizes],
            "groups_at_equal_loss": [_effect(effect) for effect in self.groups],
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def text(self) -> str:
        """The report in a few lines for a terminal."""
        lines = [f"{self.verdict}: {self.reason}"]
        if np.isfinite(self.eta.estimate) and self.verdict == "threshold":
            lines.append(f"loss at the threshold  {_interval(self.eta, 3)} nats  ({self.eta.status})")
        lines.append(f"gain over chance       {100 * self.gain:.1f} points at the lowest loss")
        if len(self.onsets):
            reached = self.onsets[self.onsets.status == "ok"]
            lines.append(
                f"onset run by run       {len(reached)} of {len(self.onsets)} runs lastingly beyond chance +"
                f" {100 * self.margin:.1f} points"
                + (
                    f", at {reached.onset_loss_nats.min():.3f} to {reached.onset_loss_nats.max():.3f} nats"
                    if len(reached)
                    else ""
                )
            )
        if self.shared is not None:
            lines.append(
                f"their spread           SD {_percent(self.shared.ratio)} of the loss range  ({self.shared.status})"
            )
        for title, effects in (("size at equal loss", self.sizes), ("group at equal loss", self.groups)):
            lines += [f"{title:<22} {effect.first} -> {effect.second}: {_points(effect)}" for effect in effects]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def onset_report(
    table: Checkpoints, margin: float | None = None, bound: float = 0.05, num_replicates: int = 300, seed: int = 0
) -> OnsetReport:
    """Everything above for a checked table (onset_table.check_table); bound is the difference at equal loss that counts
    as none.

    margin: how far beyond chance counts as having left it; the default is a tenth of the gain.
    """
    rows, notes = table.rows, list(table.notes)
    items = rows["num_items"].to_numpy() if "num_items" in rows else None
    if items is None:
        notes.append("no number of items: the noise of a score is taken from its scatter around a monotone curve")
    if len(rows) < MIN_ROWS:
        return _without_fit(table, f"{len(rows)} checkpoints, needs {MIN_ROWS}", notes)
    fit = fit_hinge(
        rows["run"], rows["loss_nats"], rows["value"], table.chance, items, num_replicates=num_replicates, seed=seed
    )
    if fit.status.startswith("failed"):
        return _without_fit(table, fit.status.removeprefix("failed: "), notes)
    verdict, reason = _judge(fit, table)
    gain = max(fit.gain, 0.0)
    margin = GAIN_SHARE * gain if margin is None else margin
    onsets = _onsets(table, margin, notes) if gain > 0 else pd.DataFrame()
    loss_range = float(np.ptp(rows["loss_nats"]))
    shared = None
    if len(onsets) >= FEW_RUNS:
        usable = onsets[~onsets.status.str.startswith("failed")]
        shared = shared_threshold(usable.onset_loss_nats, usable.low, usable.high, loss_range)
    if table.num_runs < FEW_RUNS:
        notes.append(f"{table.num_runs} run(s): nothing says how far another run's threshold would lie from this one")
    sizes = _sizes(rows, bound, num_replicates, seed)
    groups = []
    if "group" in rows and rows["group"].nunique() > 1:
        groups = group_effects(
            rows["run"], rows["loss_nats"], rows["value"], rows["group"], None, bound, num_replicates, seed
        )
    eta = fit.eta if verdict == "threshold" else failed(reason)
    return OnsetReport(verdict, reason, eta, gain, float(margin), onsets, shared, sizes, groups, tuple(notes), fit)


def _judge(fit: HingeFit, table: Checkpoints) -> tuple[str, str]:
    if fit.status.startswith("not reached"):
        return (
            "not reached",
            (
                f"no score rises above chance ({table.chance:g}) by more than noise, down to a loss of"
                f" {table.rows['loss_nats'].min():.3f}"
            ),
        )
    if "smooth from the start" in fit.status or "from the highest loss on" in fit.status:
        return "smooth", fit.status.removeprefix("not identified: ")
    if not fit.eta.ok:
        return "cannot tell", fit.status.removeprefix("not identified: ")
    flat = (table.rows["loss_nats"].max() - fit.eta.estimate) / float(np.ptp(table.rows["loss_nats"]))
    if "a smooth curve" in fit.status:
        rival = fit.status[fit.status.index("a smooth curve") :]
        better = rival.endswith("better")
        return (
            "smooth" if better else "cannot tell"
        ), f"{rival} {'than any' if better else 'as a'} hinge, which would be flat down to {fit.eta.estimate:.3f}"
    return (
        "threshold",
        f"at chance over {flat:.0%} of the loss range, then up to {100 * max(fit.gain, 0):.1f} points above it",
    )


def _onsets(table: Checkpoints, margin: float, notes: list[str]) -> pd.DataFrame:
    """onset_by_run for runs with enough checkpoints; without a number of items the score itself stands for its lower
    end."""
    rows = table.rows
    counts = rows.groupby("run")["value"].transform("size")
    if (counts < MIN_CHECKPOINTS).any():
        short = rows.loc[counts < MIN_CHECKPOINTS, "run"].nunique()
        notes.append(
            f"{short} run(s) with fewer than {MIN_CHECKPOINTS} checkpoints have no onset of their own; the pooled curve"
            " uses them"
        )
    rows = rows[counts >= MIN_CHECKPOINTS]
    if rows.empty:
        return pd.DataFrame()
    if "tokens_seen" not in rows:
        rows = rows.assign(tokens_seen=rows.groupby("run").cumcount())
    if "num_items" not in rows:
        rows = rows.assign(low=rows["value"], high=rows["value"])
    return onset_by_run(rows, table.chance, margin)


def _sizes(rows: pd.DataFrame, bound: float, num_replicates: int, seed: int) -> list[GroupEffect]:
    if "num_parameters" not in rows or rows["num_parameters"].nunique() < 2:
        return []
    return size_band_effects(
        rows["run"],
        rows["loss_nats"],
        rows["value"],
        rows["num_parameters"],
        bound=bound,
        num_replicates=num_replicates,
        seed=seed,
    )


def _without_fit(table: Checkpoints, reason: str, notes: list[str]) -> OnsetReport:
    nothing = HingeFit(failed(reason), np.nan, (), np.nan, "hinge_power", f"failed: {reason}", np.empty(0))
    return OnsetReport(
        "cannot tell", reason, nothing.eta, np.nan, np.nan, pd.DataFrame(), None, [], [], tuple(notes), nothing
    )


def _six(number: float) -> float | None:
    return float(f"{number:.6g}") if np.isfinite(number) else None


def _plain(estimate: Estimate) -> dict:
    return {name: _six(value) if name != "status" else value for name, value in asdict(estimate).items()}


def _effect(effect: GroupEffect) -> dict:
    return {
        "first": effect.first,
        "second": effect.second,
        "effect": _plain(effect.effect),
        "verdict": effect.verdict,
        "loss_low": _six(effect.loss_low),
        "loss_high": _six(effect.loss_high),
        "num_runs": list(effect.num_runs),
    }


def _interval(estimate: Estimate, digits: int) -> str:
    return f"{estimate.estimate:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _percent(estimate: Estimate) -> str:
    return (
        _interval(Estimate(*(100 * x for x in (estimate.estimate, estimate.low, estimate.high)), estimate.status), 1)
        + " %"
    )


def _points(effect: GroupEffect) -> str:
    if not effect.effect.ok:
        return effect.effect.status
    scaled = Estimate(
        *(100 * x for x in (effect.effect.estimate, effect.effect.low, effect.effect.high)), effect.effect.status
    )
    return (
        f"{_interval(scaled, 2)} points, {effect.verdict} (losses {effect.loss_low:.2f} to {effect.loss_high:.2f},"
        f" {sum(effect.num_runs)} runs)"
    )
