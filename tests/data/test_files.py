import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from itertools import islice
from logging.handlers import BufferingHandler

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from rna_bench.core.types import InputError
from rna_bench.data.files import rows

TEXT = "Zyxquatl"


def values(file, *columns):
    return [dict(row.values) for row in rows("k", file, columns or ("text",))]


def numbers(file, *columns):
    return [row.number for row in rows("k", file, columns or ("text",))]


@pytest.fixture
def write(tmp_path):
    def to(name, content):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pyarrow.Table):
            pyarrow.parquet.write_table(content, file)
        else:
            file.write_bytes(content.encode())
        return file

    return to


def as_json(*texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


LOOKALIKES = ["NA", "null", "nan", "None", "", " ", "0012", "1", "1.0", "1e5", "1,000", "True", "2012-01-01", "12:30", "#", "'a'"]


@pytest.mark.parametrize("texts", [LOOKALIKES, *([text] * 3 for text in LOOKALIKES)], ids=["all", *map(repr, LOOKALIKES)])
def test_text_that_looks_like_something_else_stays_text(write, texts):
    made = {
        "x.csv": "n,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts)),
        "x.jsonl": as_json(*texts),
        "x.parquet": pyarrow.table({"text": texts}),
        "x.txt": "".join(f"{text}\n" for text in texts),
    }
    for name, content in made.items():
        assert [row["text"] for row in values(write(name, content))] == texts


def test_values_of_json_are_as_they_are_written(write):
    given = [1, "1", 1.0, True, None, "2012-01-01", ["2012-01-01"], {"a": 1}, {"b": "2"}]
    found = [row["text"] for row in values(write("x.jsonl", as_json(*given)))]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in given]
    assert values(write("y.jsonl", '{"text": "a"}\n{"b": null}\n')) == [{"text": "a"}, {"b": None}]


def test_lines_come_to_the_character(write):
    given = ["", " = A heading = ", "", " one \t", "page\fpage\vpage\x1cpage\x85page\u2028page", "", "last"]
    assert [row["text"] for row in values(write("x.txt", "\n".join(given)))] == given


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_feeds_carriage_returns_and_both_end_a_line(write, end):
    assert values(write("x.txt", f"a{end}{end}b{end}")) == [{"text": "a"}, {"text": ""}, {"text": "b"}]
    assert numbers(write("x.jsonl", f'{{"text": "a"}}{end}{end}{{"text": "b"}}{end}')) == [1, 3]


def test_a_row_of_csv_has_the_number_of_the_line_it_ends_on(write):
    content = 'a,b\n1,"x\ny"\n\n \n"",\n"p\r\nq",\n,"\r"\n\n'
    file = write("x.csv", content)
    assert numbers(file, "a") == [3, 5, 6, 8, 9]
    assert [(row["a"], row["b"]) for row in values(file, "a")] == [
        ("1", "x\ny"),
        (" ", None),  # a short row
        ("", ""),
        ("p\r\nq", ""),
        ("", "\r"),
    ]


def test_names_of_columns_may_be_any(write):
    assert values(write("x.csv", "a,,Unnamed: 1,b c\n1,2,3,4\n"), "a") == [{"a": "1", "": "2", "Unnamed: 1": "3", "b c": "4"}]


def test_rows_of_csv_that_the_library_tells_apart_otherwise_are_refused(write):
    with pytest.raises(InputError, match=r"x\.csv: mixes several line endings; save it with one"):
        values(write("x.csv", "a,b\r\r\n1,2\r\r\n"), "a")


def test_rows_of_parquet_come_in_order_whatever_the_groups(tmp_path):
    texts = [str(number) for number in range(5000)]
    pyarrow.parquet.write_table(pyarrow.table({"n": range(5000), "text": texts}), tmp_path / "x.parquet", row_group_size=700)
    assert values(tmp_path / "x.parquet") == [{"text": text} for text in texts]
    assert numbers(tmp_path / "x.parquet") == list(range(1, 5001))


def test_a_parquet_file_of_the_hub_gives_plain_values_of_classes_and_categories(tmp_path):
    named = datasets.Features({"answer": datasets.ClassLabel(names=list("ABCD")), "text": datasets.Value("string")})
    datasets.Dataset.from_dict({"answer": [2], "text": [TEXT]}, features=named).to_parquet(tmp_path / "x.parquet")
    assert values(tmp_path / "x.parquet", "answer", "text") == [{"answer": 2, "text": TEXT}]
    category = pyarrow.table({"text": pyarrow.array([TEXT, "b", TEXT]).dictionary_encode()})
    pyarrow.parquet.write_table(category, tmp_path / "y.parquet")
    assert [row["text"] for row in values(tmp_path / "y.parquet")] == [TEXT, "b", TEXT]


MADE = {"x.csv": f"text\n{TEXT}\n", "x.jsonl": as_json(TEXT), "x.txt": f"{TEXT}\n", "x.parquet": pyarrow.table({"text": [TEXT]})}


@pytest.mark.parametrize("name", MADE)
def test_a_file_that_was_written_anew_is_read_anew_though_its_size_and_time_are_the_same(write, name):
    content = MADE[name]
    file = write(name, content)
    assert values(file) == [{"text": TEXT}]
    before = file.stat()
    other = TEXT[::-1]
    write(name, pyarrow.table({"text": [other]}) if isinstance(content, pyarrow.Table) else content.replace(TEXT, other))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert values(file) == [{"text": other}]


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_asked_said_or_left_behind(write, tmp_path, monkeypatch, capfd, name):
    def refuse(*arguments):
        asked.append(arguments)  # who asks may keep the error to himself
        raise OSError

    asked: list[object] = []
    file = write(name, MADE[name])
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert values(file) == [{"text": TEXT}]
    assert len(list(islice(rows("k", file, ("text",)), 1))) == 1
    assert asked == []
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "cache").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["a[b]c*?/x.txt", "a::b/x.txt", ".hidden/__this__/x.txt", "no ending", "README.md", "x.gz"])
@pytest.mark.parametrize("start", ["", "PK\x03\x04", "BZh"])
def test_a_path_is_no_pattern_and_a_text_no_archive(write, monkeypatch, tmp_path, name, start):
    file = write(name, f"{start}{TEXT}\n")
    assert values(file) == [{"text": start + TEXT}]
    monkeypatch.chdir(file.parent)
    assert values(file.relative_to(file.parent)) == [{"text": start + TEXT}]


def test_the_library_logs_nothing_of_a_damaged_file(write, monkeypatch):
    logged = BufferingHandler(100)
    monkeypatch.setattr(logging.getLogger("datasets"), "handlers", [logged])
    file = write("x.parquet", pyarrow.table({"text": [TEXT * 5, "b"]}))
    whole = file.read_bytes()
    refused = 0
    for at in range(4, 100):  # among them bytes of which the library says that a buffer is too small
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x0F]) + whole[at + 1 :])
        try:
            values(file)
        except InputError:
            refused += 1
    assert refused > 20
    assert logged.buffer == []


def test_the_library_is_imported_when_a_file_is_read_and_not_before():
    modules = "rna_bench.sweep.launch, rna_bench.experiment.data, rna_bench.data.benchmarks"
    code = f"import sys, {modules}; sys.exit('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
