"""benchmarks/readme_tables.py: README's speeds are the measured ones."""

import json
import shutil

import pytest

from benchmarks import readme_tables


def test_readme_shows_the_committed_results():
    readme = (readme_tables.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_tables.with_new_tables(readme) == readme, "python -m benchmarks.readme_tables"


def test_another_result_makes_another_text(tmp_path, monkeypatch):
    before = readme_tables.text()
    for path in readme_tables.RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(readme_tables, "RESULTS", tmp_path)
    assert readme_tables.text() == before
    fields = (
        ("train_cpu", "rows", "tokens_per_second"),
        ("train_cpu_without_bf16", "rows", "tokens_per_second"),
        ("evaluation", "rows", "ratio"),
        ("passuntil", "length_and_entropy", "ratio_to_best_peer"),
    )
    for name, rows, field in fields:
        path = tmp_path / f"{name}.json"
        out = json.loads(path.read_text())
        for row in out[rows]:
            row[field] = 123456
        path.write_text(json.dumps(out))
        after = readme_tables.text()
        assert after != before and ("123,456" in after or "123456" in after)
        before = after


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="README.md: the marks"):
        readme_tables.with_new_tables("# Emergence\n")
