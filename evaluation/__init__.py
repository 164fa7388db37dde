"""From a checkpoint to numbers: readers of models, scores of items (scoring/), pass rates of attempts (passuntil/)."""
