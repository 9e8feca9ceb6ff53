"""Files of questions and of text that are not as they should be: each is refused in one line that names the place.

A line names file, line and column, never what stands there: every file here holds SECRET in its texts.
"""

import json
import os
import re
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rna_bench.core.types import InputError, Question
from rna_bench.data.corpora import TextFiles
from rna_bench.data.hub_corpus import Headings, Order, TextSource, TopicCorpus
from rna_bench.data.questions import QuestionFiles

SECRET = "Zyxquatl"
HEADER = "question,choice0,choice1,choice2,choice3,answer\n"
CSV = f"{SECRET}?,{SECRET} a,b,c,d,1\n"
GOOD = {"question": f"{SECRET}?", "choices": [f"{SECRET} a", "b", "c", "d"], "answer": 1}


def row(**changes):
    """Return a good row as JSON, with changes; a change to ... takes the column out."""
    return json.dumps({name: value for name, value in (GOOD | changes).items() if value is not ...}) + "\n"


def parquet(*rows):
    """Return the bytes of a Parquet file."""
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), sink)
    return sink.getvalue().to_pybytes()


def invalid_utf8():
    """Return a Parquet file with a column of text whose bytes are none."""
    bad = pyarrow.Array.from_buffers(
        pyarrow.string(), 1, [None, pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"\xff\xfe")]
    )
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"question": bad, "text": bad, "choices": [["a", "b", "c", "d"]], "answer": [1]})
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def twice():
    """Return a Parquet file with two columns of one name."""
    sink = pyarrow.BufferOutputStream()
    names = ["question", "question", "choices", "answer"]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([["q"], ["q"], [["a", "b", "c", "d"]], [1]], names=names), sink)
    return sink.getvalue().to_pybytes()


DEEP = "[" * 100_000
QUESTIONS = {
    "csv: no byte": ("x.csv", "", "x.csv: line 1 must have the column question"),
    "csv: no header": ("x.csv", CSV, "x.csv: line 1 must have the column question"),
    "csv: a header without answer": ("x.csv", HEADER.replace(",answer", "") + CSV, "column answer once"),
    "csv: a header with a column twice": ("x.csv", HEADER.strip() + ",answer\n" + CSV, "column answer once"),
    "csv: a header with another column twice": ("x.csv", HEADER.strip() + ",a,a\n" + CSV, "line 1 has a column twice"),
    "csv: tabs for commas": ("x.csv", (HEADER + CSV).replace(",", "\t"), "x.csv: line 1"),
    "csv: a short row": ("x.csv", HEADER + CSV + f"{SECRET},b\n", "x.csv:3: column choice1 is empty"),
    "csv: a long row": ("x.csv", HEADER + f"{SECRET}, is it?,a,b,c,d,1\n", "x.csv:2: the row has more columns"),
    "csv: an open quote": ("x.csv", HEADER + CSV + f'"{SECRET},a,b,c,d,1\n', "x.csv:2: after this line it is not CSV"),
    "csv: text after a quote": ("x.csv", HEADER + f'"q"{SECRET},a,b,c,d,1\n', "x.csv:1: after this line it is not CSV"),
    "csv: a field too large": ("x.csv", HEADER + SECRET * 20_000 + ",a,b,c,d,1\n", "x.csv:1: after this line it is not CSV"),
    "csv: only carriage returns": ("x.csv", (HEADER + CSV).replace("\n", "\r"), "x.csv:1: after this line it is not CSV"),
    "csv: a zero byte": ("x.csv", HEADER + f"{SECRET}\0?,a,b,c,d,1\n", "x.csv:2: column question contains a zero byte"),
    "csv: latin-1": ("x.csv", (HEADER + CSV + f"{SECRET}é,a,b,c,d,1\n").encode("latin-1"), "x.csv:3: is not UTF-8"),
    "csv: utf-16": ("x.csv", (HEADER + CSV).encode("utf-16"), "x.csv:1: is not UTF-8"),
    "csv: an archive": ("x.csv", b"PK\x03\x04" + bytes(range(256)), "x.csv:"),
    "csv: a blank stem": ("x.csv", HEADER + "  ,a,b,c,d,1\n", "x.csv:2: column question is empty"),
    "csv: a letter as answer": ("x.csv", HEADER + f"{SECRET},a,b,c,d,B\n", "x.csv:2: column answer is 'B'"),
    "csv: a text as answer": ("x.csv", HEADER + f"q,a,b,c,d,{SECRET} and\n", "x.csv:2: column answer is of type str"),
    "csv: an answer of 4": ("x.csv", HEADER + f"{SECRET},a,b,c,d,4\n", "x.csv:2: column answer is '4'"),
    "jsonl: not JSON": ("x.jsonl", row() + f"{SECRET}\n", "x.jsonl:2: is not JSON at character 1"),
    "jsonl: cut off": ("x.jsonl", row() + row()[:40], "x.jsonl:2: is not JSON at character"),
    "jsonl: single quotes": ("x.jsonl", f"{{'question': '{SECRET}'}}\n", "x.jsonl:1: is not JSON"),
    "jsonl: two objects a line": ("x.jsonl", row().strip() + row(), "x.jsonl:1: is not JSON"),
    "jsonl: one list": ("x.jsonl", f"[{row().strip()}]\n", "x.jsonl:1: is of type list"),
    "jsonl: a text a line": ("x.jsonl", f'"{SECRET}"\n', "x.jsonl:1: is of type str"),
    "jsonl: null": ("x.jsonl", "null\n", "x.jsonl:1: is of type NoneType"),
    "jsonl: a name twice": ("x.jsonl", row().replace("}", ', "answer": 2}'), "x.jsonl:1: has a name twice"),
    "jsonl: brackets too deep": ("x.jsonl", DEEP + "\n", "x.jsonl:1: has a name twice, a number that is too long, or brackets"),
    "jsonl: a number too long": ("x.jsonl", row().replace("1}", "1" * 5000 + "}"), "x.jsonl:1: has a name twice, a number"),
    "jsonl: latin-1": ("x.jsonl", row().encode() + b'{"question": "\xe9"}\n', "x.jsonl:2: is not UTF-8"),
    "jsonl: gzip": ("x.jsonl", b"\x1f\x8b\x08\x00" + bytes(range(256)), "x.jsonl:1: is not UTF-8"),
    "jsonl: no question": ("x.jsonl", row(question=...), "x.jsonl:1: there is no column question"),
    "jsonl: a question of null": ("x.jsonl", row(question=None), "x.jsonl:1: column question is empty"),
    "jsonl: a number as question": ("x.jsonl", row(question=7), "x.jsonl:1: column question is of type int"),
    "jsonl: a list as question": ("x.jsonl", row(question=[SECRET]), "x.jsonl:1: column question is of type list"),
    "jsonl: an object as question": ("x.jsonl", row(question={"text": SECRET}), "x.jsonl:1: column question is of type dict"),
    "jsonl: a lone surrogate": ("x.jsonl", row(question=f"{SECRET}\ud83d"), "x.jsonl:1: column question contains a zero byte"),
    "jsonl: a zero byte": (
        "x.jsonl",
        row(choices=["a", f"{SECRET}\0", "c", "d"]),
        "x.jsonl:1: column choices[1] contains a zero byte",
    ),
    "jsonl: no choices": ("x.jsonl", row(choices=...), "x.jsonl:1: there is no column choices"),
    "jsonl: choices of null": ("x.jsonl", row(choices=None), "x.jsonl:1: column choices is of type NoneType"),
    "jsonl: choices as text": ("x.jsonl", row(choices=f"['{SECRET}']"), "x.jsonl:1: column choices is of type str"),
    "jsonl: choices by name": ("x.jsonl", row(choices=dict.fromkeys("abcd", SECRET)), "x.jsonl:1: column choices is of type dict"),
    "jsonl: three choices": ("x.jsonl", row() + row(choices=[SECRET] * 3), "x.jsonl:2: column choices has 3 items"),
    "jsonl: five choices": ("x.jsonl", row(choices=[SECRET] * 5), "x.jsonl:1: column choices has 5 items"),
    "jsonl: a number as choice": ("x.jsonl", row(choices=[SECRET, 2, "c", "d"]), r"x.jsonl:1: column choices[1] is of type int"),
    "jsonl: a blank choice": ("x.jsonl", row(choices=[SECRET, "b", "c", " "]), r"x.jsonl:1: column choices[3] is empty"),
    "jsonl: a nested choice": ("x.jsonl", row(choices=[[SECRET], "b", "c", "d"]), r"x.jsonl:1: column choices[0] is of type list"),
    "jsonl: no answer": ("x.jsonl", row(answer=...), "x.jsonl:1: there is no column answer"),
    "jsonl: an answer of null": ("x.jsonl", row(answer=None), "x.jsonl:1: column answer is empty"),
    "jsonl: true as answer": ("x.jsonl", row(answer=True), "x.jsonl:1: column answer is True"),
    "jsonl: a fraction as answer": ("x.jsonl", row(answer=1.0), "x.jsonl:1: column answer is 1.0"),
    "jsonl: NaN as answer": ("x.jsonl", row(answer=float("nan")), "x.jsonl:1: column answer is nan"),
    "jsonl: a negative answer": ("x.jsonl", row(answer=-1), "x.jsonl:1: column answer is -1"),
    "jsonl: an answer of 4": ("x.jsonl", row(answer=4), "x.jsonl:1: column answer is 4"),
    "jsonl: a letter as answer": ("x.jsonl", row(answer="A"), "x.jsonl:1: column answer is 'A'"),
    "jsonl: the text as answer": ("x.jsonl", row(answer=f"{SECRET} a"), "x.jsonl:1: column answer is of type str"),
    "jsonl: a list as answer": ("x.jsonl", row(answer=[1]), "x.jsonl:1: column answer is of type list"),
    "jsonl: a number as subject": ("x.jsonl", row(subject=3), "x.jsonl:1: column subject is of type int"),
    "jsonl: a blank subject": ("x.jsonl", row(subject=" "), "x.jsonl:1: column subject is empty"),
    "parquet: no byte": ("x.parquet", b"", "x.parquet: is not a Parquet file"),
    "parquet: cut off": ("x.parquet", parquet(GOOD)[:-20], "x.parquet: is not a Parquet file"),
    "parquet: cut in the middle": (
        "x.parquet",
        parquet(GOOD)[:40] + parquet(GOOD)[-300:],
        "x.parquet: is not a Parquet file, or damaged",
    ),
    "parquet: JSON": ("x.parquet", row(), "x.parquet: is not a Parquet file"),
    "parquet: text that is not UTF-8": ("x.parquet", invalid_utf8(), "x.parquet: is not a Parquet file, or damaged after row 0"),
    "parquet: a column twice": ("x.parquet", twice(), "x.parquet: has a column twice"),
    "parquet: no choices": ("x.parquet", parquet({"question": SECRET, "answer": 1}), "x.parquet:1: there is no column choices"),
    "parquet: three choices": ("x.parquet", parquet(GOOD, GOOD | {"choices": [SECRET] * 3}), "x.parquet:2: column choices has 3"),
    "parquet: null in choices": (
        "x.parquet",
        parquet(GOOD | {"choices": ["a", None, "c", "d"]}),
        "x.parquet:1: column choices[1] is em",
    ),
    "parquet: a null answer": ("x.parquet", parquet(GOOD, GOOD | {"answer": None}), "x.parquet:2: column answer is empty"),
    "parquet: fractions as answers": ("x.parquet", parquet(GOOD | {"answer": 1.5}), "x.parquet:1: column answer is 1.5"),
    "parquet: truths as answers": ("x.parquet", parquet(GOOD | {"answer": True}), "x.parquet:1: column answer is True"),
    "parquet: bytes as question": (
        "x.parquet",
        parquet(GOOD | {"question": SECRET.encode()}),
        "x.parquet:1: column question is of type",
    ),
    "another ending": ("x.json", f"[{row()}]", "x.json: cannot be read as questions"),
    "no ending": ("x", row(), "x: cannot be read as questions"),
}


def read(path):
    return QuestionFiles("retain", str(path), 0).questions(0)


def refusal(call, path):
    """Return the one line of the refusal, which has nothing of the texts."""
    with pytest.raises(InputError) as caught:
        call(path)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


@pytest.mark.parametrize(("name", "content", "place"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_malformed_questions_are_refused_by_place(tmp_path, name, content, place):
    message = refusal(read, write(tmp_path / name, content))
    assert message.startswith(f"dataset.*.path={tmp_path}/{name}")
    assert place in message


def test_a_file_that_is_not_there_a_folder_and_a_pipe_are_refused(tmp_path):
    (tmp_path / "x.csv").mkdir()
    os.mkfifo(tmp_path / "y.csv")
    assert "cannot be read (No such file or directory)" in refusal(read, tmp_path / "z.jsonl")
    assert "x.csv: the folder has no file *.csv" in refusal(read, tmp_path / "x.csv")
    assert "x.csv: is not a regular file" in refusal(read, tmp_path)
    assert "y.csv: is not a regular file" in refusal(read, tmp_path / "y.csv")


def test_two_files_of_one_name_are_refused_as_their_ids_would_be_the_same(tmp_path):
    write(tmp_path / "x.csv", HEADER + CSV)
    write(tmp_path / "x.jsonl", row())
    assert "another file here has the same name with a different ending" in refusal(read, tmp_path)


ACCEPTED = {
    "csv": ("x.csv", HEADER + CSV),
    "csv: a byte order mark": ("x.csv", b"\xef\xbb\xbf" + (HEADER + CSV).encode()),
    "csv: carriage returns and line feeds": ("x.csv", (HEADER + CSV).replace("\n", "\r\n")),
    "csv: no end of the last line": ("x.csv", (HEADER + CSV).strip()),
    "csv: blank lines": ("x.csv", HEADER + "\n" + CSV + "\n\n"),
    "csv: other columns": ("x.csv", HEADER.strip() + ",source\n" + CSV.strip() + ",web\n"),
    "jsonl": ("x.jsonl", row()),
    "jsonl: a byte order mark": ("x.jsonl", b"\xef\xbb\xbf" + row().encode()),
    "jsonl: carriage returns and blank lines": ("x.jsonl", "\r\n" + row().strip() + "\r\n\r\n"),
    "jsonl: the digit as text": ("x.jsonl", row(answer="1")),
    "jsonl: columns as in CSV": (
        "x.jsonl",
        row(choices=..., choice0=f"{SECRET} a", choice1="b", choice2="c", choice3="d"),
    ),
    "parquet": ("x.parquet", parquet(GOOD)),
    "an ending in capitals": ("x.PARQUET", parquet(GOOD)),
}


@pytest.mark.parametrize(("name", "content"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_well_formed_is_one_question_in_every_format(tmp_path, name, content):
    (question,) = read(write(tmp_path / name, content))
    assert (question.stem, question.choices, question.answer) == (f"{SECRET}?", (f"{SECRET} a", "b", "c", "d"), 1)


def test_choices_may_be_the_same_and_a_subject_may_stand_in_the_row(tmp_path):
    (question,) = read(write(tmp_path / "x.jsonl", row(choices=["a", "a", "b", "b"], subject="law")))
    assert question == Question("x/1", "law", f"{SECRET}?", ("a", "a", "b", "b"), 1)


TEXTS = {
    "txt: latin-1": ("x.txt", f"{SECRET} é\n".encode("latin-1"), "x.txt:1: is not UTF-8"),
    "txt: a zero byte": ("x.txt", f"good {SECRET}\nbad \0 {SECRET}\n", "x.txt:2: column text contains a zero byte"),
    "txt: nothing long enough": ("x.txt", "\n \na\n", "has no"),
    "jsonl: not JSON": ("x.jsonl", json.dumps({"text": SECRET}) + f"\n{SECRET}\n", "x.jsonl:2: is not JSON"),
    "jsonl: cut off": ("x.jsonl", json.dumps({"text": SECRET})[:-2], "x.jsonl:1: is not JSON"),
    "jsonl: a text a line": ("x.jsonl", json.dumps(SECRET), "x.jsonl:1: is of type str"),
    "jsonl: no such column": ("x.jsonl", json.dumps({"abstract": SECRET}), "x.jsonl:1: there is no column text"),
    "jsonl: null": ("x.jsonl", '{"text": null}', "x.jsonl:1: column text is of type NoneType"),
    "jsonl: a list": ("x.jsonl", json.dumps({"text": [SECRET]}), "x.jsonl:1: column text is of type list"),
    "jsonl: a lone surrogate": (
        "x.jsonl",
        json.dumps({"text": f"{SECRET}\udc00"}),
        "x.jsonl:1: column text contains a zero byte or a lone",
    ),
    "jsonl: a column twice": ("x.jsonl", f'{{"text": "{SECRET}", "text": "b"}}', "x.jsonl:1: has a name twice"),
    "parquet: no byte": ("x.parquet", b"", "x.parquet: is not a Parquet file"),
    "parquet: cut off": ("x.parquet", parquet({"text": SECRET})[:-9], "x.parquet: is not a Parquet file"),
    "parquet: no such column": ("x.parquet", parquet({"title": SECRET}), "x.parquet:1: there is no column text"),
    "parquet: null": ("x.parquet", parquet({"text": SECRET}, {"text": None}), "x.parquet:2: column text is of type NoneType"),
    "parquet: numbers": ("x.parquet", parquet({"text": 7}), "x.parquet:1: column text is of type int"),
    "parquet: text that is not UTF-8": ("x.parquet", invalid_utf8(), "x.parquet: is not a Parquet file, or damaged after row 0"),
}


def files_corpus(path):
    return TextFiles({"bio": str(path)}, str(path), 5).topics(0)


def topic_corpus(path):
    source = TextSource("a/b", "main", ["*"], str(path), "text")
    return TopicCorpus({"bio": source}, source, Order.file, 5, Headings.keep, 0).topics(0)


@pytest.mark.parametrize("corpus", [files_corpus, topic_corpus])
@pytest.mark.parametrize(("name", "content", "place"), TEXTS.values(), ids=TEXTS.keys())
def test_malformed_text_is_refused_by_place(tmp_path, corpus, name, content, place):
    message = refusal(corpus, write(tmp_path / name, content))
    assert message.startswith("corpus.")
    assert f"{tmp_path}/{name}" in message
    assert place in message


FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def only_input_errors(path, content):
    """Read the file: what is raised is InputError; what is accepted is a list of valid questions."""
    write(path, content)
    try:
        read_back = read(path)
    except InputError:
        return ()
    for question in read_back:
        assert question.stem.strip()
        assert len(question.choices) == 4
        assert all(choice.strip() for choice in question.choices)
        assert type(question.answer) is int
        assert 0 <= question.answer <= 3
        assert re.fullmatch(r"x/\d+", question.id)
    assert len({question.id for question in read_back}) == len(read_back)
    return read_back


@FEW
@given(content=st.binary(max_size=300), ending=st.sampled_from(["csv", "jsonl", "parquet"]))
def test_any_bytes_are_refused_or_questions(tmp_path, content, ending):
    only_input_errors(tmp_path / f"x.{ending}", content)


@FEW
@given(at=st.integers(0, 2000), bits=st.integers(1, 255))
def test_any_byte_of_a_parquet_file_may_be_damaged(tmp_path, at, bits):
    whole = bytearray(parquet(GOOD, GOOD))
    whole[at % len(whole)] ^= bits
    only_input_errors(tmp_path / "x.parquet", bytes(whole))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "question": JSON | st.text(max_size=9),
        "choices": JSON | st.lists(st.text(max_size=5), min_size=4, max_size=4),
        "answer": JSON | st.integers(0, 3),
        "subject": JSON,
    },
)


@FEW
@given(made=st.lists(ROWS | JSON, max_size=4))
def test_any_json_rows_are_refused_or_questions(tmp_path, made):
    only_input_errors(tmp_path / "x.jsonl", "".join(json.dumps(value) + "\n" for value in made))


@FEW
@given(made=st.lists(st.lists(st.text(max_size=6) | st.sampled_from("0123"), max_size=7), max_size=4))
def test_any_csv_rows_are_refused_or_questions(tmp_path, made):
    only_input_errors(tmp_path / "x.csv", HEADER + "".join(",".join(fields) + "\n" for fields in made))


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip)
ASKED = st.tuples(WORDS, st.tuples(WORDS, WORDS, WORDS, WORDS), st.integers(0, 3))


@FEW
@given(asked=st.lists(ASKED, min_size=1, max_size=4))
def test_good_questions_come_back_to_the_character_from_every_format(tmp_path, asked):
    rows = [{"question": stem, "choices": list(choices), "answer": answer} for stem, choices, answer in asked]
    quoted = [[stem, *choices, str(answer)] for stem, choices, answer in asked]
    lines = [",".join('"' + field.replace('"', '""') + '"' for field in fields) for fields in quoted]
    contents = {
        "x.csv": HEADER + "".join(f"{line}\n" for line in lines),
        "x.jsonl": "".join(json.dumps(made) + "\n" for made in rows),
        "x.parquet": parquet(*rows),
    }
    for name, content in contents.items():
        found = only_input_errors(tmp_path / name, content)
        assert [(question.stem, question.choices, question.answer) for question in found] == asked


@FEW
@given(content=st.binary(max_size=200), ending=st.sampled_from(["txt", "jsonl", "parquet"]), corpus=st.sampled_from([0, 1]))
def test_any_bytes_are_refused_or_text(tmp_path, content, ending, corpus):
    path = write(tmp_path / f"x.{ending}", content)
    try:
        (topic,) = (files_corpus, topic_corpus)[corpus](path)
    except InputError:
        return
    assert all(text.body.strip() for text in topic.forget)
