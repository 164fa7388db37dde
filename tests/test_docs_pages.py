"""The pages in docs/: their commands run as they stand and print what the page shows; their numbers are the committed
ones."""

import re
import shlex
import subprocess
import sys

import pytest

from experiments.public.folders import PROFILE
from experiments.tables.results import read_results
from profiles.paths import ROOT, Paths

PAGES = sorted((ROOT / "docs").glob("*.md"))
BENCHMARK_NAMES = {"c4": "C4", "pile": "The Pile", "wikitext_103": "WikiText-103"} | {
    "dolma_common-crawl": "Dolma, Common Crawl part"
}


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a page with the output that the page shows below it ("" where it shows none)."""
    found = re.findall(r"```bash\n(.*?)\n```(?:\n\n```text\n(.*?)\n```)?", text, re.DOTALL)
    return [(command, shown) for block, shown in found for command in block.splitlines()]


CASES = [(page, *case) for page in PAGES for case in commands(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("page", "command", "shown"), CASES, ids=[f"{page.stem}-{place}" for place, (page, *_) in enumerate(CASES)]
)
def test_a_command_prints_what_the_page_shows(page, command, shown, tmp_path):
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    words = [str(ROOT / word) if word.startswith("results/") else word for word in words[1:]]
    words = [str(tmp_path / word) if word.endswith((".png", ".json")) else word for word in words]
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not shown or ran.stdout.strip() == shown.strip()
    assert all((tmp_path / name).exists() for name in re.findall(r"--(?:picture|json) (\S+)", command))


def results(stem: str):
    table = read_results(Paths(PROFILE).results_csv(stem))
    return table[table.kind == "statistic"]


def test_onsets_and_forms_are_the_committed_ones():
    text = (ROOT / "docs" / "mmlu_at_chance.md").read_text(encoding="utf-8")
    found = results("ext_public_formats").set_index(["task", "metric"])
    for name, shown in BENCHMARK_NAMES.items():
        row = found.loc[("mmlu", f"letter_onset_mean_on_{name}")]
        assert f"| {shown} | {row.value:.2f} | {row.low:.2f} to {row.high:.2f} |" in text
    for task in ("mmlu", "hellaswag", "arc_easy", "csqa"):
        parts = [found.loc[(task, f"{form}_rise_start")].value for form in ("cloze", "letter")]
        assert f"| {parts[0]:.2f} | {parts[1]:.2f} |" in text
    families = results("ext_public_families").set_index(["metric", "series"])
    for name in ("DCLM", "OLMo-2"):
        assert f"{families.loc[('threshold_in_hellaswag', name)].value:.3f}" in text
    assert "14 of 69" in families.loc[("share_knowing_below", "ObsScaling")].status


def test_links_of_the_pages_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
