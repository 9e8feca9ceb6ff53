"""Default places of tables, figures and pages: committed records are never written beside."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.reporting.places import VIEWED, default_folder, default_page
from tests.builders.records import pairs, swept


def test_ones_own_records_have_tables_and_page_beside_them(tmp_path):
    assert default_folder(tmp_path, "tables") == tmp_path / "tables"
    assert default_page(tmp_path) == tmp_path / "report.html"


def test_published_records_have_theirs_in_a_folder_that_git_ignores(tmp_path):
    folder = tmp_path / "results" / "published" / "mine"
    folder.mkdir(parents=True)
    viewed = tmp_path / "results/viewed"
    assert default_folder(folder, "figures") == viewed / "figures/mine"
    assert default_page(folder) == viewed / "pages/mine.html"
    assert default_page(folder.parent) == viewed / "pages/published.html"
    assert default_folder(folder.parent, "tables") == viewed / "tables/published"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_records_that_git_tracks_have_theirs_there_too(tmp_path):
    for name in ("tracked", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text("{}")
    for arguments in (["init", "-q"], ["add", "tracked"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    assert default_folder(tmp_path / "tracked", "tables") == Path("results/viewed/tables/tracked")
    assert default_page(tmp_path / "tracked") == Path("results/viewed/pages/tracked.html")
    assert default_folder(tmp_path / "own", "tables") == tmp_path / "own" / "tables"


@pytest.mark.parametrize("command", ["tables", "figures", "report"])
def test_no_command_writes_beside_published_records(command, tmp_path, monkeypatch, capsys):
    swept(tmp_path / "results" / "published", *pairs())
    before = sorted((tmp_path / "results" / "published").rglob("*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rna-bench", command, "swept"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err
    assert sorted((tmp_path / "results" / "published").rglob("*")) == before
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"published", "viewed"}
    assert [path.name for path in (tmp_path / "results/viewed").iterdir()] == ["pages" if command == "report" else command]


def test_what_is_viewed_is_ignored_by_git():
    assert f"{VIEWED}/" in (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("command", ["tables", "figures", "report"])
def test_without_a_name_each_shows_ones_own_runs_and_without_these_lists_what_there_is(command, tmp_path, monkeypatch, capsys):
    def say(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["rna-bench", command, *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    monkeypatch.chdir(tmp_path)
    swept(tmp_path / "results/published", *pairs())
    (tmp_path / "results/published/empty").mkdir()
    for words, start in (((), "error: results=results/runs: holds no record"), (("mine",), "error: results=mine: is not a folder")):
        capsys.readouterr()
        assert say(*words) == 1
        said = capsys.readouterr().err
        assert said.startswith(start)
        assert f"a name: swept ({len(pairs())} records)" in said
        assert said.count("\n") == 1
    assert say("published") == 0
    swept(tmp_path / "results/runs", *pairs())  # a sweep in a folder of its own
    assert say() == 0
    assert (tmp_path / "results/runs" / ("report.html" if command == "report" else command)).exists()
