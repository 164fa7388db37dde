"""The columns of a table of pass rates."""

# What every row says about its checkpoint, and all columns of a table of pass rates.
RUN_COLUMNS = (
    "run",
    "series",
    "size",
    "seed",
    "is_held_out",
    "tokens_seen",
    "num_parameters",
    "num_nonembedding_parameters",
    "compute_flops",
    "loss_nats",
    "weight_hash",
)
PASS_COLUMNS = (
    *RUN_COLUMNS,
    "recipe_hash",
    "task",
    "item_id",
    "method",
    "temperature",
    "top_p",
    "target",
    "cap",
    "passes",
    "attempts",
    "is_reached",
    "pass_positions",
    "log_pass_low",
    "log_pass_high",
    "answer_tokens",
    "answer_log_likelihood",
    "num_evaluated",
    "seconds",
)
