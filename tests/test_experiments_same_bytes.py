"""Derived numbers are the same bytes on every CPU: measure stages on committed tables, in processes that take this CPU
for another one."""

import platform
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments import experiment_stems
from profiles.paths import Paths
from profiles.profile import profile_names
from tests.imitated_cpu import IMITATIONS, run_as

# The quickest of the figures whose numbers once depended on a last bit: an optimum at its bound, a circuit that no row
# sees, columns of 16 digits.
ONCE_DIFFERENT = ("loss_eq5_size_threshold", "passuntil_fig8_circuits", "passuntil_fig7_growth")
PROFILE = "cpu"


def measured(profile: str) -> list[str]:
    """Figures whose tables are committed for a profile."""
    return [stem for stem in experiment_stems() if Paths(profile).results_csv(stem).exists()]


def compare(tmp_path, profile: str, cpus: tuple[str, ...], *stems: str) -> None:
    """Fail where a file differs; skip where no imitation changes what the libraries compute, for then nothing would be
    shown."""
    with ThreadPoolExecutor(2) as pool:  # as many processes at once as the suite has cores
        (here, bits), *others = pool.map(lambda cpu: run_as(cpu, tmp_path / str(cpu), profile, *stems), (None, *cpus))
    has_effect = False
    for cpu, (there, other_bits) in zip(cpus, others, strict=True):
        has_effect |= other_bits != bits
        assert there.keys() == here.keys()
        assert [name for name in here if here[name] != there[name]] == [], f"other bytes on {cpu}"
    if not has_effect:
        pytest.skip(
            f"{platform.machine()}: the libraries here compute the same last bits whatever CPU they are told of"
        )


@pytest.mark.skipif(not Paths(PROFILE).scores.exists(), reason=f"profile {PROFILE} has no committed scores")
def test_figures_that_once_differed_are_the_same_bytes_on_another_cpu(tmp_path):
    compare(tmp_path, PROFILE, ("sse",), *ONCE_DIFFERENT)


@pytest.mark.slow
@pytest.mark.parametrize("profile", [profile for profile in profile_names() if Paths(profile).scores.exists()])
def test_every_figure_is_the_same_bytes_on_every_cpu(tmp_path, profile):
    compare(tmp_path, profile, tuple(IMITATIONS), *measured(profile))
