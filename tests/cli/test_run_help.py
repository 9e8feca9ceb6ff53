"""`rna-bench run --help`: each group with its options, each key with its value and its comment."""

import re

import pytest

from rna_bench.cli.run_help import run_help
from rna_bench.core.commented_yaml import commented_keys
from rna_bench.core.conf_files import config_folder, groups, leading_comment, options

CONF = config_folder("conf")
SPINE = CONF / "run.yaml"


def plain(text: str) -> str:
    return " ".join(text.split())


def test_each_group_is_shown_with_what_it_is_and_each_of_its_options():
    text = run_help([])
    for group in groups([CONF]):
        assert re.search(rf"^  {group} +[\w(]", text, re.MULTILINE), group
        assert ", ".join(options(group, [CONF])) in plain(text), group


@pytest.mark.parametrize("width", [80, 120])
def test_each_key_of_the_spine_is_shown_with_its_value_and_comment(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = run_help([])
    for key in commented_keys(SPINE):
        if key.value and key.name.split(".")[0] not in ("defaults", "hydra") and "_target_" not in key.name:
            assert f"  {key.name}={key.value}" in text, key
        if key.name.split(".")[0] not in ("defaults", "hydra"):
            assert plain(key.comment) in plain(text), key
    assert [line for line in text.splitlines() if len(line) > width and " " in line.strip()] == []


def test_every_option_says_what_it_is():
    files = [file for group in groups([CONF]) for file in options(group, [CONF]).values()]
    assert [file for file in files if not leading_comment(file)] == []


def test_the_options_that_words_choose_are_shown_with_their_keys():
    text = run_help(["method=npo", "dataset=[mmlu]"])
    assert "  method.beta=0.1 " in text
    assert "  dataset.mmlu.shots=0 " in text
    assert "method.steering_coefficient" not in text
    assert "method.steering_coefficient=6.5" in run_help([])
    assert "  method.beta=0.1 " in run_help(["method=npo_kl"])  # short for options with these keys
    assert "corpus=wmdp:" in run_help(["model=zephyr_7b"])


def test_options_of_ones_own_are_shown_too(tmp_path):
    (tmp_path / "method").mkdir()
    (tmp_path / "method/mine.yaml").write_text("# Of my own.\n_target_: mine.Mine\nstrength: 3 # how much\n")
    text = run_help(["--config-dir", str(tmp_path), "method=mine"])
    assert "method=mine: Of my own." in text
    assert re.search(r"  method.strength=3 +how much", text)
