import hashlib
import os

import pytest

from rna_bench.core import digests


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """Files of a byte count as large; return the list of those that were read."""
    seen = []
    read = digests._read
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "LARGE", 1)
    monkeypatch.setattr(digests, "_read", lambda path: seen.append(path.name) or read(path))
    return seen


def test_a_large_file_is_read_once(tmp_path, reads):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    assert digests.digest(file) == digests.digest(file) == hashlib.sha256(b"abc").digest()
    assert reads == ["weights"]


def test_a_file_that_was_rewritten_is_read_again_even_with_its_size_and_time(tmp_path, reads):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    digests.digest(file)
    before = file.stat()
    file.write_bytes(b"xyz")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.digest(file) == hashlib.sha256(b"xyz").digest()
    assert reads == ["weights", "weights"]


def test_a_small_file_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "config.json").write_text("{}")
    digests.digest(tmp_path / "config.json")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", ["", "no digits"])
def test_a_damaged_cache_is_made_again(tmp_path, reads, content):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    digests.digest(file)
    (kept,) = (tmp_path / "cache" / "digests").iterdir()
    kept.write_text(content)
    assert digests.digest(file) == hashlib.sha256(b"abc").digest()
    assert kept.read_text() == hashlib.sha256(b"abc").hexdigest()


def test_a_cache_that_cannot_be_written_to_is_no_error(tmp_path, reads, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "file"))
    assert digests.digest(tmp_path / "file") == hashlib.sha256(b"").digest()


def test_digests_come_in_the_order_of_the_files(tmp_path):
    files = [tmp_path / str(number) for number in range(9)]
    for file in files:
        file.write_text(file.name)
    assert digests.digests(files) == [hashlib.sha256(file.name.encode()).digest() for file in files]
