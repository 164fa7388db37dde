"""What the sections ask of each other, beyond what test_profiles_profile.py spoils: paper P's part."""

import pytest
import yaml
from pydantic import ValidationError

from profiles.paths import ROOT
from profiles.schema import Profile


def smoke() -> dict:
    return yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))


SPOILS = {
    "held out nowhere": (lambda c: c["passuntil"].update(held_out=["9M"]), "held_out: size '9M' is not in sizes"),
    "two sizes": (
        lambda c: [c["passuntil"]["sizes"].pop(name) for name in list(c["passuntil"]["sizes"])[:1]],
        "at least 3 items",
    ),
    "more measured than made": (
        lambda c: c["passuntil"].update(num_items=3),
        "sampling.num_items 10 is above num_items 3",
    ),
    "cap below target": (lambda c: c["passuntil"]["sampling"].update(cap=2), "cap 2 is below target 3"),
    "temperature twice": (
        lambda c: c["passuntil"]["sampling"].update(decoding_temperatures=[1.0]),
        "decoding_temperatures: 1.0 is the temperature of all",
    ),
    "top_p of 0": (lambda c: c["passuntil"]["sampling"].update(top_p=0.0), "greater than 0"),
    "no cost of a size": (
        lambda c: c["cost"]["pass_core_seconds"].popitem(),
        "cost.pass_core_seconds: size '20k' is missing",
    ),
    "cost of another size": (
        lambda c: c["cost"]["threshold_core_seconds"].update({"3M": 1.0}),
        "cost.threshold_core_seconds: size '3M' is not in long_runs.sizes",
    ),
    "tokens below warm-up": (
        lambda c: c["passuntil"].update(tokens=30000),
        "passuntil.tokens: 30000 tokens is less than twice training.warmup_tokens",
    ),
    "no series": (lambda c: c["passuntil"].update(series={}), "at least 1 item"),
}


def test_smoke_is_valid():
    assert Profile(**smoke()).passuntil.series == {"prose": "prose"}


@pytest.mark.parametrize("case", SPOILS)
def test_what_does_not_agree_is_refused(case):
    change, expected = SPOILS[case]
    content = smoke()
    change(content)
    with pytest.raises(ValidationError) as caught:
        Profile(**content)
    assert expected in str(caught.value)
