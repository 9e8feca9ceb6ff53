"""Default places of tables, figures and pages: committed records are never written beside."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.reporting.places import default_folder, default_page
from tests.builders.records import pairs, swept


def test_ones_own_records_have_tables_and_page_beside_them(tmp_path):
    assert default_folder(tmp_path, "tables") == tmp_path / "tables"
    assert default_page(tmp_path) == tmp_path / "report.html"


def test_published_records_have_theirs_in_the_folders_of_results(tmp_path):
    folder = tmp_path / "results" / "published" / "mine"
    folder.mkdir(parents=True)
    assert default_folder(folder, "figures") == tmp_path / "results" / "figures" / "mine"
    assert default_page(folder) == tmp_path / "results" / "pages" / "mine.html"
    assert default_page(folder.parent) == tmp_path / "results" / "report.html"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_records_that_git_tracks_have_theirs_in_results(tmp_path):
    for name in ("tracked", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text("{}")
    for arguments in (["init", "-q"], ["add", "tracked"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    assert default_folder(tmp_path / "tracked", "tables") == Path("results/tables/tracked")
    assert default_page(tmp_path / "tracked") == Path("results/pages/tracked.html")
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
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"published", "pages" if command == "report" else command}
