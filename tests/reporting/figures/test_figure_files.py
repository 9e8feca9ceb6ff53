"""What is written: files that are the same for the same records, and say where they come from."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from rna_bench.core.types import InputError, Status
from rna_bench.reporting.figures.chains import Drawn
from rna_bench.reporting.figures.files import FORMATS, draw, listing, rendered, write_figures
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.runs import record
from rna_bench.runs.collection import collect
from tests.builders.records import make_record, scored
from tests.comparison import differences

ROOT = Path(__file__).parents[3]
RUNS = [make_record(seed, scale, scored(0.3, option=0.5 + scale / 5)) for seed in (1, 2) for scale in (0.0, 1.0)]


BAD = replace(make_record(3), status=Status.diverged, reason="why it did")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    runs = tmp_path_factory.mktemp("here") / "runs"
    for run in (*RUNS, BAD):
        record.write(runs / run.identity, run, [])
    return runs


@pytest.fixture(scope="module")
def out(folder):
    """A folder that held other files before the figures were written there."""
    out = folder.parent / "out"
    out.mkdir()
    for name in ("hidden_norms.svg", "mine.svg"):
        (out / name).write_text("old")
    (folder.parent / "text").write_text(write_figures(folder, out))
    return out


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_records_give_the_same_bytes_in_every_format(folder, out):
    first = draw(grouped(RUNS))[0]
    again = {file.name: file.content for file in rendered(first, collect(folder))}
    assert len(again) == len(FORMATS)
    assert again == {name: contents(out)[name] for name in again}


def test_every_file_says_where_it_comes_from_and_nothing_of_when(folder, out):
    source = f"5 records in {folder.as_posix()}, code revision 0123456789; rna-bench figures {folder.as_posix()}"
    assert source in (out / "tradeoff.svg").read_text(encoding="utf-8")
    with Image.open(out / "tradeoff.png") as picture:
        assert picture.info["Source"] == source
        assert round(picture.info["dpi"][0]) == 150
    assert source.encode() in (out / "tradeoff.pdf").read_bytes().replace(b"\\", b"")
    assert not re.search(rb"CreationDate|dc:date", b"".join(contents(out).values()))


def test_the_list_has_captions_files_reasons_sources_and_runs_left_out(folder, out):
    text = (out / "figures.md").read_text(encoding="utf-8")
    assert text == (folder.parent / "text").read_text()
    assert "[SVG](tradeoff.svg), [PNG](tradeoff.png), [PDF](tradeoff.pdf)" in text
    assert "- hidden_norms: no record has hidden norms." in text
    assert f"From 5 records in {folder.as_posix()}, code revision 0123456789" in text
    assert f"Counted in no mean: {BAD.identity} (diverged: why it did)." in text


def test_a_figure_that_can_no_longer_be_drawn_does_not_stay_but_others_files_do(out):
    assert not (out / "hidden_norms.svg").exists()
    assert (out / "mine.svg").read_text(encoding="utf-8") == "old"


def test_a_users_own_settings_of_matplotlib_change_nothing(folder):
    groups, collection = grouped(RUNS), collect(folder)
    usual = rendered(draw(groups)[0], collection, ("svg",))
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.hashsalt": None, "axes.grid": True}):
        assert rendered(draw(groups)[0], collection, ("svg",)) == usual


def test_a_file_in_place_of_the_output_folder_is_an_error_that_names_it(folder, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match=r"--out=.*choose another folder"):
        write_figures(folder, tmp_path / "out")


def test_no_finished_run_is_an_error_and_nothing_is_written(tmp_path):
    record.write(tmp_path / "runs" / BAD.identity, BAD, [])
    with pytest.raises(InputError, match="nothing to draw"):
        write_figures(tmp_path / "runs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def rebuilt(name, formats, monkeypatch):
    """Return what the published records of a name give: the files of some formats, and the list."""
    monkeypatch.chdir(ROOT)
    collection = collect(Path("results/published") / name)
    figures = draw(grouped(collection.records))
    files = {file.name: file.content for one in figures if isinstance(one, Drawn) for file in rendered(one, collection, formats)}
    return files | {"figures.md": listing(figures, collection).encode()}


def unlike(name, formats, monkeypatch):
    """Return, by file, where what is committed says something else than what the published records give."""
    figures = rebuilt(name, formats, monkeypatch)
    committed = {
        file: content for file, content in contents(ROOT / "results/figures" / name).items() if file.endswith((*formats, ".md"))
    }
    assert sorted(figures) == sorted(committed)
    return {file: lines for file, content in figures.items() if (lines := differences(file, content, committed[file]))}


def test_committed_figures_are_what_the_published_records_give(monkeypatch):
    assert unlike("pocket_paper", ("svg",), monkeypatch) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "results/figures").iterdir()))
def test_all_committed_figures_are_what_the_published_records_give_in_every_format(name, monkeypatch):
    assert unlike(name, FORMATS, monkeypatch) == {}
