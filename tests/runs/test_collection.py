import json
from pathlib import Path

import pytest

from rna_bench.core.types import InputError
from rna_bench.runs import collection
from rna_bench.runs.collection import collect, find
from rna_bench.runs.record import RECORD

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "pocket_paper"


@pytest.fixture
def folder(tmp_path):
    for source in sorted(PUBLISHED.glob("[!.]*"))[:3]:
        (tmp_path / source.name).mkdir()
        (tmp_path / source.name / RECORD).write_bytes((source / RECORD).read_bytes())
    return tmp_path


def names(folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.iterdir())]


def test_damaged_records_and_those_of_another_version_are_named_and_the_rest_is_there(folder):
    cut, newer, good = names(folder)
    text = (folder / cut / RECORD).read_text()
    (folder / cut / RECORD).write_text(text[: len(text) // 2])
    (folder / newer / RECORD).write_text(json.dumps(json.loads((folder / newer / RECORD).read_text()) | {"schema_version": 99}))
    collection = collect(folder)
    assert [run.folder.name for run in collection.runs] == [good]
    assert [line.split(":")[0] for line in collection.left_out] == [cut, newer]
    assert "is not a valid record" in collection.left_out[0]
    assert "this version reads 1 to 5" in collection.left_out[1]


def test_a_folder_of_damaged_records_alone_is_refused_with_their_names(folder):
    for name in names(folder):
        (folder / name / RECORD).write_text("{")
    with pytest.raises(InputError, match=names(folder)[2]):
        collect(folder)


def test_folders_of_folders_are_read_when_asked_for_and_an_identity_counts_once(folder):
    moved, other, _ = names(folder)
    deeper = folder / "zz"
    deeper.mkdir()
    (folder / moved).rename(deeper / moved)
    (folder / other / "nothing").mkdir()
    assert len(collect(folder).runs) == 2
    assert len(collect(folder, deep=True).runs) == 3
    (folder / moved).mkdir()
    (folder / moved / RECORD).write_bytes((deeper / moved / RECORD).read_bytes())
    collection = collect(folder, deep=True)
    assert len(collection.runs) == 3
    assert [run.folder for run in collection.again] == [deeper / moved]


def test_a_name_is_a_folder_or_ones_own_runs_or_the_published(folder, tmp_path, monkeypatch):
    own, published = tmp_path / "own", tmp_path / "published"
    for place in (own / "a", published / "a", published / "b"):
        place.mkdir(parents=True)
    clone = tmp_path / "clone/results/published"
    monkeypatch.setattr(collection, "PLACES", (own, published))
    monkeypatch.setattr(collection, "CLONE", clone)
    assert find(str(folder)) == folder
    assert find("a") == own / "a"
    assert find("b") == published / "b"
    with pytest.raises(InputError, match="give one, or a name: there is none yet"):  # the folders are empty
        find("c")
    (folder / names(folder)[0]).rename(published / "b" / names(folder)[0])
    with pytest.raises(InputError, match=r"give one, or a name: b \(1 records\)"):
        find("c")
    with pytest.raises(InputError, match=r"holds no record; run something first, or give a name: b"):
        find()
    assert find("published") == published
    (clone / "d").mkdir(parents=True)
    assert find("d") == clone / "d"  # from any folder


def test_the_folder_of_a_run_stands_for_that_run(folder):
    (first, *_) = names(folder)
    assert [run.record.identity for run in collect(folder / first, deep=True).runs] == [first]
