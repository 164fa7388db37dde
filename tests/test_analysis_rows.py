"""The door of the analysis room: bad rows come back as "failed", bad arguments as ValueError, nothing as "ok" with nan.

Each public function gets a sound call and the same call spoilt in every way that fits its arguments.
"""

import dataclasses

import numpy as np
import pytest

from analysis import correlation, forecast, growth, intervals
from analysis.onset import fit as onset_fit
from analysis.onset import shapes, size_effect, threshold
from analysis.passes import likelihood_interval, stopping
from analysis.task_law import circuits, instance_law, joint_law, loss_assist, loss_law
from analysis.task_law import fit as task_law_fit

RNG = np.random.default_rng(0)
NUM = 40
RUNS = np.repeat(np.arange(8), 5)
LOSS = np.tile(np.linspace(3.0, 1.0, 5), 8) + 0.01 * RNG.normal(size=NUM)
VALUE = np.clip(0.25 + 0.5 * np.maximum(2.2 - LOSS, 0) + 0.01 * RNG.normal(size=NUM), 0, 1)
SIZES = np.repeat([1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7], 5)
TOKENS = np.tile(np.geomspace(1e6, 1e8, 5), 8)
PASSES = np.round(1000 * VALUE)
TABLE = {"runs": RUNS, "loss_nats": LOSS, "value": VALUE}
ONE_RUN = {
    "tokens_seen": np.arange(1.0, 9),
    "loss_nats": np.linspace(3, 1, 8),
    "value": np.array([0.25, 0.26, 0.24, 0.25, 0.4, 0.6, 0.8, 0.9]),
}
LAW_SIZES = np.repeat([1e4, 3e4, 1e5, 3e5, 1e6], 3)
LAW_LOSS = 1.5 + (1e3 / LAW_SIZES) ** 0.4 + 0.003 * RNG.normal(size=15)
LAW_PASSES = np.round(1e5 * np.exp(-np.exp(2.5 - 0.3 * np.log(LAW_SIZES / 1e4)))) + 5
ITEM_PASSES = np.stack([np.round(LAW_PASSES * scale) for scale in (0.3, 0.5, 0.7, 0.9)])
JOINT_LOSS = (1 + 20 * np.repeat([1e4, 1e5, 1e6], 4) ** -0.3 + 90 * np.tile([1e6, 1e7, 3e7, 1e8], 3) ** -0.35) * np.exp(
    0.002 * RNG.normal(size=12)
)

# name -> (function, sound arguments, columns to spoil, columns whose values are counts or sizes and must be above 0)
STATUS_CALLS = {
    "spearman": (correlation.spearman, TABLE | {"num_replicates": 50}, ("loss_nats", "value"), ()),
    "pearson": (correlation.pearson, TABLE | {"num_replicates": 50}, ("loss_nats", "value"), ()),
    "fit_hinge": (
        threshold.fit_hinge,
        TABLE | {"chance": 0.25, "num_items": np.full(NUM, 500.0), "num_replicates": 20},
        ("loss_nats", "value", "num_items"),
        ("num_items",),
    ),
    "compare_shapes": (
        shapes.compare_shapes,
        TABLE | {"chance": 0.25, "num_items": np.full(NUM, 500.0), "shapes": ("hinge_linear", "linear", "constant")},
        ("loss_nats", "value", "num_items"),
        ("num_items",),
    ),
    "onset_loss": (
        onset_fit.onset_loss,
        {k: v for k, v in ONE_RUN.items() if k != "value"} | {"bound": ONE_RUN["value"] - 0.03, "chance": 0.25},
        ("tokens_seen", "loss_nats", "bound"),
        (),
    ),
    "jump_share": (
        growth.jump_share,
        ONE_RUN | {"num_items": np.full(8, 200.0), "num_replicates": 50},
        ("tokens_seen", "loss_nats", "value", "num_items"),
        ("num_items",),
    ),
    "jump_share, error": (
        growth.jump_share,
        ONE_RUN | {"standard_error": np.full(8, 0.02), "num_replicates": 50},
        ("tokens_seen", "loss_nats", "value", "standard_error"),
        ("standard_error",),
    ),
    "chance_span": (
        growth.chance_span,
        ONE_RUN | {"chance": 0.25, "num_items": np.full(8, 200.0)},
        ("tokens_seen", "loss_nats", "value", "num_items"),
        ("num_items",),
    ),
    "size_effect": (
        size_effect.size_effect,
        TABLE | {"num_parameters": SIZES, "num_replicates": 50},
        ("loss_nats", "value", "num_parameters"),
        ("num_parameters",),
    ),
    "residual_spread_ratio": (
        size_effect.residual_spread_ratio,
        TABLE | {"compute_flops": SIZES * TOKENS, "num_replicates": 50},
        ("loss_nats", "value", "compute_flops"),
        ("compute_flops",),
    ),
    "fit_loss_law": (
        loss_law.fit_loss_law,
        {"num_parameters": LAW_SIZES, "loss_nats": LAW_LOSS, "num_replicates": 20},
        ("num_parameters", "loss_nats"),
        ("num_parameters",),
    ),
    "fit_joint_law": (
        joint_law.fit_joint_law,
        {
            "runs": np.arange(12),
            "num_parameters": np.repeat([1e4, 1e5, 1e6], 4),
            "tokens_seen": np.tile([1e6, 1e7, 3e7, 1e8], 3),
            "num_replicates": 2,
            "loss_nats": JOINT_LOSS,
        },
        ("num_parameters", "tokens_seen", "loss_nats"),
        ("num_parameters", "tokens_seen", "loss_nats"),
    ),
    "observed_size_threshold": (
        loss_law.observed_size_threshold,
        {"num_parameters": [1e4, 1e5, 1e6], "bound": [0.2, 0.24, 0.4], "chance": 0.25},
        ("num_parameters", "bound"),
        ("num_parameters",),
    ),
    "fit_task_law": (
        task_law_fit.fit_task_law,
        {"num_parameters": LAW_SIZES, "passes": LAW_PASSES, "attempts": np.full(15, 1e5), "num_replicates": 10},
        ("num_parameters", "passes", "attempts"),
        ("num_parameters", "attempts"),
    ),
    "curvature_test": (
        task_law_fit.curvature_test,
        {"num_parameters": LAW_SIZES, "passes": LAW_PASSES, "attempts": np.full(15, 1e5), "num_replicates": 10},
        ("num_parameters", "passes", "attempts"),
        ("num_parameters", "attempts"),
    ),
    "fit_instance_law": (
        instance_law.fit_instance_law,
        {"num_parameters": LAW_SIZES, "passes": ITEM_PASSES, "attempts": np.full((4, 15), 1e5)},
        ("num_parameters", "passes", "attempts"),
        ("num_parameters", "attempts"),
    ),
    "fit_loss_assist": (
        loss_assist.fit_loss_assist,
        {
            "num_parameters": LAW_SIZES,
            "passes": ITEM_PASSES,
            "attempts": np.full((4, 15), 1e5),
            "answer_loss": -np.log(ITEM_PASSES / 1e5),
        },
        ("num_parameters", "passes", "attempts", "answer_loss"),
        ("num_parameters", "attempts", "answer_loss"),
    ),
    "compare_loss_curves": (
        forecast.compare_loss_curves,
        {"runs": RUNS, "loss_nats": LOSS, "passes": PASSES, "attempts": np.full(NUM, 1000.0)},
        ("loss_nats", "passes", "attempts"),
        ("attempts",),
    ),
    "forecast_crossing": (
        forecast.forecast_crossing,
        {
            "loss_nats": LOSS,
            "passes": PASSES,
            "attempts": np.full(NUM, 1000.0),
            "level": 0.6,
            "above": 1.4,
            "lowest_loss": 0.9,
            "num_draws": 50,
        },
        ("loss_nats", "passes", "attempts"),
        ("attempts",),
    ),
    "pooled_pass_rate": (
        stopping.pooled_pass_rate,
        {"passes": [5, 5, 2], "attempts": [40, 90, 1000], "num_target": 5},
        ("passes", "attempts"),
        ("attempts",),
    ),
}
ARRAY_CALLS = {
    "wilson": (intervals.wilson, {"num_passes": [3.0, 5.0], "num_items": [10.0, 20.0]}),
    "mid_p": (intervals.mid_p, {"num_passes": [3.0, 5.0], "num_items": [10.0, 20.0]}),
    "ratio_estimate": (stopping.ratio_estimate, {"passes": [3.0, 5.0], "attempts": [10.0, 20.0]}),
    "unbiased_estimate": (
        stopping.unbiased_estimate,
        {"passes": [3.0, 5.0], "attempts": [10.0, 20.0], "num_target": 5},
    ),
    "unbiased_variance": (
        stopping.unbiased_variance,
        {"passes": [3.0, 5.0], "attempts": [10.0, 20.0], "num_target": 5},
    ),
    "exact_stopped": (stopping.exact_stopped, {"passes": [3.0, 5.0], "attempts": [10.0, 20.0], "num_target": 5}),
    "mid_p_stopped": (stopping.mid_p_stopped, {"passes": [3.0, 5.0], "attempts": [10.0, 20.0], "num_target": 5}),
    "likelihood_stopped": (
        likelihood_interval.likelihood_stopped,
        {"passes": [3.0, 5.0], "attempts": [40.0, 20.0], "num_target": 5, "cap": 40},
    ),
    "compare_growth": (
        circuits.compare_growth,
        {"passes": LAW_PASSES[:3], "attempts": np.full(3, 1e5), "num_parameters": LAW_SIZES[:3]},
    ),
}


def _estimates(result):
    """All Estimates in a result and its own status."""
    parts = (
        [getattr(result, field.name) for field in dataclasses.fields(result)]
        if not isinstance(result, intervals.Estimate)
        else [result]
    )
    return [part for part in parts if isinstance(part, intervals.Estimate)], result.status


def _spoilt(arguments, column, how):
    array = np.array(arguments[column], float)
    flat = array.reshape(-1)
    if how == "short":
        return arguments | {column: array[..., :-1]}
    flat[1] = {"nan": np.nan, "inf": np.inf, "minus inf": -np.inf, "zero": 0.0, "negative": -3.0}[how]
    return arguments | {column: array}


SPOILT = [
    (name, column, how)
    for name, (_, _, columns, positive) in STATUS_CALLS.items()
    for column in columns
    for how in ("nan", "inf", "minus inf", "short", *(("zero", "negative") if column in positive else ()))
]


@pytest.mark.parametrize("name", STATUS_CALLS)
def test_the_sound_call_is_judged(name):
    function, arguments, _, _ = STATUS_CALLS[name]
    estimates, status = _estimates(function(**arguments))
    assert status.startswith(("ok", "not ")), status
    assert all(np.isfinite(estimate.estimate) for estimate in estimates if estimate.ok)


@pytest.mark.parametrize("name, column, how", SPOILT)
def test_a_bad_row_is_a_failure_that_names_it(name, column, how):
    function, arguments, _, _ = STATUS_CALLS[name]
    spoilt = _spoilt(arguments, column, how)
    if how == "short":
        with pytest.raises(ValueError):
            function(**spoilt)
        return
    try:
        estimates, status = _estimates(function(**spoilt))
    except ValueError as error:
        assert str(error)
        return
    assert status.startswith("failed: ") and not status.startswith("failed: failed")
    assert not any(estimate.ok for estimate in estimates)


@pytest.mark.parametrize(
    "name", [name for name, call in STATUS_CALLS.items() if "instance" not in name and "assist" not in name]
)
def test_no_rows_are_a_failure(name):
    function, arguments, columns, _ = STATUS_CALLS[name]
    empty = {column: [] for column in (*columns, *(("runs",) if "runs" in arguments else ()))}
    _, status = _estimates(function(**arguments | empty))
    assert status.startswith("failed: ") and ("row" in status or "items" in status)


@pytest.mark.parametrize("name", [name for name, call in STATUS_CALLS.items() if "runs" in call[1]])
def test_runs_need_labels_that_sort(name):
    function, arguments, _, _ = STATUS_CALLS[name]
    runs = np.array([f"run {run}" for run in arguments["runs"]], object)
    sound = function(**arguments | {"runs": runs})
    assert sound.status == function(**arguments).status
    runs[0] = np.nan
    assert (
        function(**arguments | {"runs": runs}).status
        == "failed: runs holds no label in row 0; name the run of every row"
    )
    runs[0] = 7
    assert not function(**arguments | {"runs": runs}).status.startswith("failed")


@pytest.mark.parametrize("level", [0.0, 1.0, 95, np.nan, -0.5])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, call in STATUS_CALLS.items()
        if name
        not in (
            "onset_loss",
            "compare_shapes",
            "compare_loss_curves",
            "fit_instance_law",
            "fit_loss_assist",
            "observed_size_threshold",
        )
    ],
)
def test_levels_are_shares(name, level):
    function, arguments, _, _ = STATUS_CALLS[name]
    with pytest.raises(ValueError, match="95|level"):
        function(**arguments | {"confidence" if name == "forecast_crossing" else "level": level})


@pytest.mark.parametrize("name", ["fit_hinge", "compare_shapes", "chance_span", "jump_share"])
def test_percent_is_noticed(name):
    function, arguments, _, _ = STATUS_CALLS[name]
    status = function(**arguments | {"value": 100 * arguments["value"]}).status
    assert status.startswith("failed: value is ") and "divide percent by 100" in status
    if "chance" in arguments:
        with pytest.raises(ValueError, match="chance: got 25"):
            function(**arguments | {"chance": 25.0})


@pytest.mark.parametrize(
    "name", ["fit_hinge", "compare_shapes", "chance_span", "spearman", "pearson", "size_effect", "compare_loss_curves"]
)
def test_one_loss_is_no_range(name):
    function, arguments, _, _ = STATUS_CALLS[name]
    status = function(**arguments | {"loss_nats": np.full(len(arguments["loss_nats"]), 2.0)}).status
    assert status.startswith("failed: ")


@pytest.mark.parametrize("name", ["onset_loss", "jump_share", "chance_span"])
def test_a_checkpoint_listed_twice_is_named(name):
    function, arguments, _, _ = STATUS_CALLS[name]
    tokens = arguments["tokens_seen"].copy()
    tokens[3] = tokens[2]
    assert (
        function(**arguments | {"tokens_seen": tokens}).status
        == "failed: rows 2 and 3 are one checkpoint (tokens_seen are equal); keep one of them"
    )


@pytest.mark.parametrize("name", ARRAY_CALLS)
@pytest.mark.parametrize("how", ["nan", "inf", "negative", "above"])
def test_array_functions_refuse_counts_that_are_none(name, how):
    function, arguments = ARRAY_CALLS[name]
    first, second = list(arguments)[:2]
    if how == "above":
        spoilt = arguments | {first: 2.0 * np.array(arguments[second])}
    else:
        spoilt = _spoilt(arguments, second, how)
    with pytest.raises(ValueError):
        function(**spoilt)
