"""Files and folders that appear complete or not at all."""

import os
import stat

import pytest

from rna_bench.core.files import UMASK, staged_folder, unwritable, write_atomically
from rna_bench.core.types import InputError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    write_atomically(path, lambda draft: draft.write_text("new"))
    assert path.read_text() == "new"
    assert mode(path) == 0o666 & ~UMASK
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_file_is_left(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def fail(draft):
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    write_atomically(tmp_path / "a", lambda draft: draft.write_text("four"))
    assert synced == [4]


def test_a_folder_appears_when_it_is_complete_with_the_permissions_of_the_umask(tmp_path):
    target = tmp_path / "above" / "folder"
    with staged_folder(target) as draft:
        (draft / "inner").mkdir(mode=0o700)
        (draft / "inner" / "file").write_text("x")
        (draft / "inner" / "file").chmod(0o600)
        assert not target.exists()
    assert (target / "inner" / "file").read_text() == "x"
    assert [mode(path) for path in (target, target / "inner")] == [0o777 & ~UMASK] * 2
    assert mode(target / "inner" / "file") == 0o666 & ~UMASK
    assert list(target.parent.iterdir()) == [target]


def test_after_an_error_nothing_is_left_of_a_folder(tmp_path):
    def fill():
        with staged_folder(tmp_path / "folder") as draft:
            (draft / "file").write_text("x")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  raised right above
        fill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["file", "folder"])
def test_a_target_with_content_is_refused_before_anything_is_done(tmp_path, content):
    target = tmp_path / "target"
    if content == "folder":
        target.mkdir()
        (target / "mine").write_text("x")
    else:
        target.write_text("x")
    with pytest.raises(InputError, match="exists already and is not empty"), staged_folder(target):
        pytest.fail("the folder was staged")


def test_an_empty_target_is_replaced_and_another_one_on_request(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    for text in ("one", "two"):
        with staged_folder(target, replace=text == "two") as draft:
            (draft / text).write_text(text)
        assert [path.name for path in target.iterdir()] == [text]


def test_the_error_for_an_unwritable_folder_names_its_key(tmp_path):
    error = OSError(13, "Permission denied")
    assert str(unwritable(tmp_path, error)).startswith(f"results_dir={tmp_path}: cannot be written to (Permission denied)")
    assert str(unwritable(tmp_path, error, "folder")).startswith("folder=")
