"""Hashes of code see what it does, not how it is laid out, commented, named or placed; imports are followed."""

import pytest

from ladder.code import hash_code, imported_modules, measuring_code, module_file, reached_files
from profiles.paths import ROOT

FIRST = '"""About a."""\nfrom models import gpt\n\n\ndef f(x):\n    """Adds."""\n    return x + 1  # one\n'


@pytest.fixture
def hashed(tmp_path):
    """Hash of files with these contents."""

    def of(**contents):
        paths = []
        for name, text in contents.items():
            paths.append(tmp_path / f"{name}.py")
            paths[-1].write_text(text)
        return hash_code(paths)

    return of


def test_comments_docstrings_and_layout_are_no_change(hashed):
    assert hashed(a=FIRST) == hashed(
        a=FIRST.replace("# one", "# more").replace("About a.", "About.").replace("\n\n\n", "\n\n")
    )
    assert hashed(a=FIRST) != hashed(a=FIRST.replace("+ 1", "+ 2"))


def test_a_move_is_no_change(hashed):
    assert hashed(a=FIRST, b="x = 1\n") == hashed(
        zz="x = 1\n", y=FIRST.replace("from models import", "from rooms.models import")
    )
    assert hashed(a=FIRST, b="x = 1\n") != hashed(a=FIRST)


def test_imports_are_followed_however_deep():
    files = {path.relative_to(ROOT).as_posix() for path in reached_files(["ladder.training"])}
    assert {"models/train.py", "models/gpt.py", "kernels/attention.py", "ladder/behaviour.py"} <= files
    assert not {"evaluation/scoring/runner.py", "ladder/work.py", "ladder/workers/pool.py"} & files
    inside = {path.relative_to(ROOT).parts[0] for path in reached_files(["ladder.training"], ("models", "kernels"))}
    assert inside == set()  # the entry itself lies in another room


def test_measuring_code_is_the_measuring_rooms_and_what_is_named_beside_them():
    assert measuring_code(("evaluation.scoring.runner",), ()) != measuring_code(
        ("evaluation.scoring.runner",), ("ladder.plan",)
    )


def test_modules_are_files_of_ours():
    assert module_file("profiles.paths") == ROOT / "profiles" / "paths.py"
    assert module_file("ladder") == ROOT / "ladder" / "__init__.py" and module_file("numpy") is None
    assert {"profiles.paths", "profiles.paths.PAPERS"} <= imported_modules(ROOT / "ladder" / "ladder.py")
