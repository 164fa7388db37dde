"""Rows of kind "statistic" of the public folders: an estimate of the analysis room under the name of a claim."""

from analysis.intervals import Estimate


def statistic(task: str, metric: str, estimate: Estimate, rows=None, **columns) -> dict:
    """One row; num_items is the number of checkpoints behind it where `rows` are given."""
    return {
        "kind": "statistic",
        "task": task,
        "metric": metric,
        "value": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "num_items": None if rows is None else len(rows),
        "status": estimate.status,
    } | columns


def plain_number(task: str, metric: str, value: float, rows=None, status: str = "ok", **columns) -> dict:
    """A number without an interval, such as a difference of information criteria."""
    return statistic(task, metric, Estimate(float(value), float("nan"), float("nan"), status), rows, **columns)
