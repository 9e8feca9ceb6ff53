"""`rna-bench list`: what there is, each with a line."""

import json
import shutil
import sys

import pytest

from rna_bench.cli.listing import PLURALS
from rna_bench.cli.main import main
from rna_bench.core.conf_files import config_folder, first_sentence, groups, options, sweeps
from rna_bench.core.types import InputError

CONF = config_folder("conf")
RECORD = {
    "model": "tiny",
    "status": "finished",
    "choices": {"method": "npo_kl", "retain": "kl"},
    "config": {
        "seed": 7,
        "method": {"_target_": "rna_bench.unlearning.methods.npo.NPO"},
        "noise": {"_target_": "rna_bench.unlearning.noise.RNA", "scale": 0.5, "unit": "rms"},
    },
    "measured": {"finished": "2026-11-24T19:49:14+00:00"},
}

SCORED = RECORD | {"choices": {"method": "none"}, "config": {"seed": 7, "method": {"_target_": None}}}
CHECKPOINT = {"choices": {"method": "checkpoint"}, "config": SCORED["config"] | {"base": "model", "name": "mine"}}


@pytest.fixture
def listed(monkeypatch, capsys, tmp_path):
    """Run `rna-bench list` in an empty folder; return the lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("RNA_BENCH_TRACEBACK", "1")

    def run(*words: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["rna-bench", "list", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if len(line) > 80] == []
        return lines

    return run


def put(folder, record):
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(record if isinstance(record, str) else json.dumps(record))


def test_without_an_argument_each_list_has_a_line_with_its_count(listed):
    counts = {line.split()[0]: int(line.split()[1]) for line in listed() if line and line[0] != "`"}
    assert set(counts) == {*(dict(zip(PLURALS.values(), PLURALS, strict=True)).get(one, one) for one in groups([CONF]))} | {
        "sweeps",
        "searches",
        "results",
        "runs",
    }
    assert counts["methods"] == len(options("method", [CONF]))
    assert counts["sweeps"] == len(sweeps())
    assert (counts["results"], counts["runs"]) == (0, 0)


@pytest.mark.parametrize("group", groups([CONF]))
def test_each_option_of_a_group_has_a_line_that_says_what_it_is(listed, group):
    lines = listed(group)
    assert [line.split()[0] for line in lines] == [*options(group, [CONF])]
    assert [line for line in lines if len(line.split()) < 3] == []


def test_a_list_has_a_plural_and_a_group_its_own_name(listed):
    assert listed("methods") == listed("method")
    assert listed("corpora") == listed("corpus")


def test_options_of_ones_own_are_listed_with_their_place(listed, tmp_path):
    (tmp_path / "mine/method").mkdir(parents=True)
    (tmp_path / "mine/method/zero.yaml").write_text("# @package _global_\n# To nought. In two sentences.\nmethod: {}\n")
    lines = listed("methods", "--config-dir", "mine")
    assert ["zero", "To nought (mine/method/zero.yaml)"] in [line.split(maxsplit=1) for line in lines]
    assert len(lines) == 1 + len(listed("methods"))


def test_a_run_is_shown_with_what_it_was_and_how_it_ended(listed, tmp_path):
    put(tmp_path / "results/runs/b3c97f1325a631f7", RECORD)
    put(tmp_path / "results/runs/swept/0000000000000000", SCORED | {"status": "diverged"})
    put(tmp_path / "results/runs/swept/2222222222222222", SCORED | CHECKPOINT)
    put(tmp_path / "results/runs/1111111111111111", "{ damaged")
    assert [line.split() for line in listed("runs")] == [
        ["results/runs:", "2", "runs"],
        ["run", "model", "method", "noise", "seed", "status", "day"],
        ["11111111", "?", "?", "?", "?", "unreadable", "?"],
        ["b3c97f13", "tiny", "npo_kl", "0.5", "rms", "7", "finished", "2026-11-24"],
        [],
        ["results/runs/swept:", "2", "runs"],
        ["run", "model", "method", "noise", "seed", "status", "day"],
        ["00000000", "tiny", "none", "-", "7", "diverged", "2026-11-24"],
        ["22222222", "tiny", "checkpoint", "mine", "-", "7", "finished", "2026-11-24"],
    ]
    assert len(listed("runs", "swept")) == 4
    assert listed("results") == ["results/runs  2 runs, in results/runs", "swept         2 runs, in results/runs/swept"]


def test_published_records_of_any_schema_are_listed(listed, tmp_path):
    shutil.copytree(CONF.parent / "results/published/pocket_paper", tmp_path / "results/published/pocket_paper")
    lines = listed("runs", "pocket_paper")
    assert len(lines) == 2 + len([*(tmp_path / "results/published/pocket_paper").glob("*/record.json")])
    assert [line for line in lines if "?" in line] == []


def test_what_there_is_not_is_told_what_is_like_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    from rna_bench.cli.listing import list_what_there_is

    with pytest.raises(InputError, match=r"^list=methds: did you mean methods"):
        list_what_there_is(["methds"])
    with pytest.raises(InputError, match=r"^--config-dir=nowhere: there is no such folder"):
        list_what_there_is(["methods", "--config-dir", "nowhere"])
    with pytest.raises(InputError, match="only runs are listed by name"):
        list_what_there_is(["methods", "rmu"])


def test_a_sentence_ends_where_the_next_begins():
    assert first_sentence("By X (Jang et al. 2022): y. And more.") == "By X (Jang et al. 2022): y"
    assert first_sentence("Alone.") == "Alone"
