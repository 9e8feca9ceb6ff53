import re
from dataclasses import replace
from functools import partial

import pytest

from rna_bench.core.types import InputError, Question, Task
from rna_bench.data.fingerprints import of_questions
from rna_bench.data.questions import QuestionFiles, make_task
from rna_bench.pocket.sources import PocketQuestions

HEADER = "question,choice0,choice1,choice2,choice3,answer\n"
GOOD = "What?,a,b,c,d,1\n"


def read(path, limit=0):
    return QuestionFiles("retain", str(path), limit).questions(0)


@pytest.fixture
def write(tmp_path):
    def to(name, text):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return to


def test_a_row_is_a_question(write):
    assert read(write("abstract_algebra_test.csv", HEADER + GOOD)) == (
        Question("abstract_algebra_test/2", "abstract_algebra", "What?", ("a", "b", "c", "d"), 1),
    )


def test_quoted_fields_may_hold_commas_quotes_and_line_breaks(write):
    (question,) = read(write("x.csv", HEADER + '"a, ""b""\nc",1,2,3,4,0\n'))
    assert question.stem == 'a, "b"\nc'


def test_text_is_kept_to_the_character(write):
    (question,) = read(write("x.csv", HEADER + "  What ü? , a,b ,\tc,d, 3 \n"))
    assert (question.stem, question.choices, question.answer) == ("  What ü? ", (" a", "b ", "\tc", "d"), 3)


def test_columns_are_found_by_name_in_any_order(write):
    (question,) = read(write("x.csv", "answer,choice3,choice2,choice1,choice0,question\n2,d,c,b,a,What?\n"))
    assert (question.stem, question.choices, question.answer) == ("What?", ("a", "b", "c", "d"), 2)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("anatomy_test", "anatomy"),
        ("anatomy_dev", "anatomy"),
        ("anatomy_val", "anatomy"),
        ("anatomy", "anatomy"),
        ("test_x", "test_x"),
    ],
)
def test_subject_is_the_name_of_the_file_less_its_split(write, name, subject):
    assert read(write(f"{name}.csv", HEADER + GOOD))[0].subject == subject


def test_a_folder_is_read_in_the_order_of_names_and_other_files_are_left(write, tmp_path):
    write("b_test.csv", HEADER + GOOD)
    write("a_test.csv", HEADER + GOOD * 2)
    write("notes.txt", "not a question")
    assert [question.id for question in read(tmp_path)] == ["a_test/2", "a_test/3", "b_test/2"]


def test_limit_keeps_the_first_questions_of_each_file(write, tmp_path):
    write("b.csv", HEADER + GOOD * 3)
    write("a.csv", HEADER + GOOD * 3)
    assert [question.id for question in read(tmp_path, 2)] == ["a/2", "a/3", "b/2", "b/3"]


def test_ids_are_unique_and_stable_when_the_limit_changes(write):
    file = write("a.csv", HEADER + '"a\nb",1,2,3,4,0\n' + GOOD * 3)
    whole = read(file)
    assert len({question.id for question in whole}) == 4
    assert read(file, 2) == whole[:2]


MALFORMED = {
    "a file without a byte": ("", "x.csv.*line 1"),
    "no header": (GOOD, "x.csv.*line 1"),
    "a header that lacks a column": ("question,choice0,choice1,choice2,answer\nWhat?,a,b,c,1\n", "x.csv.*line 1.*choice3"),
    "a header that is misspelt": (HEADER.replace("answer", "Answer") + GOOD, "x.csv.*line 1.*answer"),
    "semicolons for commas": ((HEADER + GOOD).replace(",", ";"), "x.csv.*line 1"),
    "an empty stem": (HEADER + ",a,b,c,d,1\n", "x.csv:2.*question"),
    "a stem of spaces": (HEADER + "  ,a,b,c,d,1\n", "x.csv:2.*question"),
    "an empty choice": (HEADER + "What?,a,,c,d,1\n", "x.csv:2.*choice1"),
    "an empty quoted choice": (HEADER + 'What?,a,b,"",d,1\n', "x.csv:2.*choice2"),
    "a choice of a tab": (HEADER + "What?,a,b,c,\t,1\n", "x.csv:2.*choice3"),
    "an empty answer": (HEADER + "What?,a,b,c,d,\n", "x.csv:2.*answer"),
    "a row that is too short": (HEADER + "What?,a,b,1\n", "x.csv:2.*choice3"),
    "a row of one field": (HEADER + "What?\n", "x.csv:2.*choice0"),
    "a row that is too long": (HEADER + "What, then?,a,b,c,d,1\n", "x.csv:2.*more columns"),
    "a row that is too long by an empty field": (HEADER + "What?,a,b,c,d,1,\n", "x.csv:2.*more columns"),
    "a letter as answer": (HEADER + "What?,a,b,c,d,B\n", "x.csv:2.*answer.*'B'"),
    "an answer that is too great": (HEADER + "What?,a,b,c,d,4\n", "x.csv:2.*answer.*'4'"),
    "a negative answer": (HEADER + "What?,a,b,c,d,-1\n", "x.csv:2.*answer.*'-1'"),
    "a fraction as answer": (HEADER + "What?,a,b,c,d,1.0\n", "x.csv:2.*answer"),
    "a padded number as answer": (HEADER + "What?,a,b,c,d,01\n", "x.csv:2.*answer"),
    "a digit that is not ASCII": (HEADER + "What?,a,b,c,d,²\n", "x.csv:2.*answer"),
    "a bad row after good ones": (HEADER + GOOD * 3 + "What?,a,b,c,d,5\n", "x.csv:5"),
    "a bad row after a field of two lines": (HEADER + '"a\nb",1,2,3,4,0\n' + "What?,a,b,c,d,5\n", "x.csv:4"),
}


@pytest.mark.parametrize(("text", "place"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_questions_are_refused_by_file_line_and_column(write, text, place):
    with pytest.raises(InputError, match=f"(?s){place}"):
        read(write("x.csv", text))


BROKEN = {
    "a quote that is not closed": HEADER + GOOD + '"What?,a,b,c,d,1\n',
    "text after a closing quote": HEADER + GOOD + '"What"?,a,b,c,d,1\n',
    "a byte that is not UTF-8": (HEADER + GOOD).encode() + "Wü?,a,b,c,d,1\n".encode("latin-1"),
    "UTF-16": (HEADER + GOOD).encode("utf-16"),
    "a field above the csv module's limit": HEADER + GOOD + "x" * 140_000 + ",a,b,c,d,1\n",
    "an archive": b"PK\x03\x04" + bytes(range(256)),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_is_no_csv_in_utf8_is_refused_by_name(write, text):
    with pytest.raises(InputError, match=r"x\.csv"):
        read(write("x.csv", text))


@pytest.mark.parametrize(
    "broken", ["a quote that is not closed", "text after a closing quote", "a field above the csv module's limit"]
)
def test_a_row_that_is_no_csv_is_refused_by_line(write, broken):
    with pytest.raises(InputError, match=r"x\.csv:2: after this line"):
        read(write("x.csv", BROKEN[broken]))


def test_a_file_without_a_question_is_refused(write):
    with pytest.raises(InputError, match=r"x\.csv.*at least one row"):
        make_task("mine", QuestionFiles("retain", str(write("x.csv", HEADER)), 0), 0)


def test_a_header_that_names_a_column_twice_is_refused(write):
    with pytest.raises(InputError, match="answer"):
        read(write("x.csv", HEADER.strip() + ",answer\nWhat?,a,b,c,d,1,2\n"))


def test_ids_are_unique_in_a_folder_that_holds_two_splits(write, tmp_path):
    write("anatomy_dev.csv", HEADER + GOOD)
    write("anatomy_test.csv", HEADER + GOOD)
    assert len({question.id for question in read(tmp_path)}) == 2


def test_a_negative_limit_is_refused(write):
    with pytest.raises(InputError, match="limit"):
        read(write("x.csv", HEADER + GOOD * 3), -1)


def test_a_byte_order_mark_is_no_part_of_the_header(write):
    assert len(read(write("x.csv", b"\xef\xbb\xbf" + (HEADER + GOOD).encode()))) == 1


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "nowhere.csv"))):
        read(tmp_path / "nowhere.csv")


def test_a_folder_without_questions_is_refused(tmp_path):
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        read(tmp_path)


FILES = partial(QuestionFiles, path="x.csv", limit=0)
POCKET = partial(PocketQuestions, world=0, hazard=0, limit=0)


@pytest.mark.parametrize("role", ["", "Forget", "test"])
@pytest.mark.parametrize("source", [FILES, POCKET])
def test_an_unknown_role_is_refused(source, role):
    with pytest.raises(InputError, match=rf"^dataset\.mine\.role={role}: give forget or retain"):
        make_task("mine", source(role), 0)


def test_make_task_asks_the_source_and_takes_its_role(write):
    file = write("x.csv", HEADER + GOOD)
    assert make_task("mine", QuestionFiles("forget", str(file), 0), 3) == Task("mine", "forget", read(file))


TASK = Task("t", "retain", (Question("x/2", "x", "What?", ("a", "b", "c", "d"), 1),))


@pytest.mark.parametrize(
    "change", [{"id": "x/3"}, {"subject": "y"}, {"stem": "What? "}, {"choices": ("a", "b", "d", "c")}, {"answer": 2}]
)
def test_fingerprint_changes_with_any_part_of_a_question(change):
    other = replace(TASK, questions=(replace(TASK.questions[0], **change),))
    assert of_questions([TASK]) == of_questions([replace(TASK)]) != of_questions([other])


def test_fingerprint_changes_with_name_and_role():
    assert len({of_questions([task]) for task in (TASK, replace(TASK, name="u"), replace(TASK, role="forget"))}) == 3


def test_fingerprint_is_the_same_for_a_list_and_a_tuple():
    assert of_questions([TASK]) == of_questions((TASK,))
