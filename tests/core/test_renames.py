import pytest

from rna_bench.core import renames
from rna_bench.core.renames import renamed_overrides


@pytest.fixture
def renamed(monkeypatch):
    monkeypatch.setattr(renames, "KEYS", {"train.accumulation": "train.micro_batches"})


@pytest.mark.parametrize("prefix", ["", "+", "++", "~"])
def test_an_old_key_is_read_under_its_present_name_with_one_line(renamed, capsys, prefix):
    assert renamed_overrides(["seed=1", f"{prefix}train.accumulation=2,4"]) == ["seed=1", f"{prefix}train.micro_batches=2,4"]
    assert capsys.readouterr().err == "warning: train.accumulation is now called train.micro_batches\n"


def test_other_words_stay_as_they_are(renamed, capsys):
    words = ["-m", "--config-dir", "train.accumulation", "train.accumulations=2", "x=train.accumulation=2", "~train.lr"]
    assert renamed_overrides(words)[:2] + renamed_overrides(words)[3:] == words[:2] + words[3:]
    assert "train.accumulations" not in capsys.readouterr().err
