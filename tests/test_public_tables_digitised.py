"""Curves that a reader has digitised: read where they are, refused in one line where they cannot be used."""

import pytest

from public_tables.digitised import DIGITISED, digitised_rows

GOOD = "model,task,loss_nats,accuracy\nLLaMA-65B,piqa,1.8,0.78\nLLaMA-7B,hellaswag,2.0,0.7\n"


def test_they_enter_as_published_rows(tmp_path):
    assert digitised_rows(tmp_path) == []
    (tmp_path / DIGITISED).write_text(GOOD)
    first, second = digitised_rows(tmp_path)
    assert (first["kind"], first["run"], first["task"]) == ("published", "LLaMA-65B", "piqa")
    assert (second["loss_nats"], second["value"]) == (2.0, 0.7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("accuracy", "acc"), "column accuracy is missing"),
        (GOOD.replace("0.78", "78"), "line 2: not usable"),
        (GOOD.replace("hellaswag", "hellaswam"), "line 3: not usable"),
        (GOOD.replace("2.0", "two"), "line 3: not usable"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, text, said):
    (tmp_path / DIGITISED).write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        digitised_rows(tmp_path)
    assert "accuracy as a share" in str(caught.value) and "\n" not in str(caught.value)
