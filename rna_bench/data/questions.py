"""Questions to ask, from files. A malformed row is an error that names its file, line and column."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rna_bench.core.types import InputError, Question, Task
from rna_bench.data.checks import Row, cell, filled
from rna_bench.data.files import rows

COLUMNS = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
ENDINGS = (".csv", ".jsonl", ".parquet")


class QuestionSource(Protocol):
    """Where a task's questions come from. `role` is "forget" or "retain".

    `examples` and `categories` are those of `Task`. `missing` has a line, with its remedy, for each thing that a run would not
    find; it reads nothing large and loads nothing.
    """

    @property
    def role(self) -> str: ...
    @property
    def categories(self) -> Mapping[str, str]: ...
    def questions(self, seed: int) -> tuple[Question, ...]: ...
    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]: ...
    def missing(self) -> list[str]: ...


@dataclass(frozen=True)
class QuestionFiles:
    """A file of questions, or a folder of them: CSV, JSON lines or Parquet, as `question_of` reads their rows.

    A file's name is the subject, less an ending _dev, _val or _test. `limit` keeps the first questions of each file; 0, all.
    """

    role: str
    path: str
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise InputError("dataset.*.limit", self.limit, "give 0 for all questions, or more")

    @property
    def categories(self) -> Mapping[str, str]:
        """There are none."""
        return {}

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return none: questions are asked zero-shot."""
        return {}

    def missing(self) -> list[str]:
        """Return what is not there."""
        try:
            files = self._files()
        except InputError as error:
            return [str(error)]
        return [f"dataset.*.path={file}: is not there" for file in files if not file.is_file()]

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return all questions in the files' order. The seed changes nothing: the questions are given."""
        return tuple(question for file in self._files() for question in first(_questions(file), self.limit))

    def _files(self) -> list[Path]:
        path = Path(self.path).expanduser()
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        if not files:
            raise InputError("dataset.*.path", path, "the folder has no *.csv file, nor *.jsonl, nor *.parquet")
        stems = [file.stem for file in files]
        twice = next((file for file in files if stems.count(file.stem) > 1), None)
        if twice:
            raise InputError("dataset.*.path", twice, "another file here differs in its ending alone; keep one of them")
        return files


def make_task(name: str, source: QuestionSource, seed: int) -> Task:
    """Return the task that a source makes of the run's seed."""
    if source.role not in ("forget", "retain"):
        raise InputError(f"dataset.{name}.role", source.role, "give forget or retain")
    found = source.questions(seed)
    if not found:
        raise InputError(f"dataset.{name}", source, "holds no question; give a file with at least one row below the header")
    return Task(name, source.role, found, source.examples(seed), source.categories)


def first(questions: Iterator[Question], limit: int) -> list[Question]:
    """Return the first `limit` questions; 0, all. The rest are read too: a malformed row is found whatever the limit."""
    return list(questions)[: limit or None]


def subject_of(file: Path) -> str:
    """Return the subject that a file is named for."""
    return re.sub(r"_(dev|val|test)$", "", file.stem)


def question_rows(key: str, file: Path) -> Iterator[Row]:
    """Yield the rows of a file of questions."""
    if file.suffix.lower() not in ENDINGS:
        raise InputError(key, file, f"cannot be read as questions; give a file that ends in {', '.join(ENDINGS)}")
    yield from rows(key, file, COLUMNS)


def _questions(file: Path) -> Iterator[Question]:
    key = "dataset.*.path"
    for row in question_rows(key, file):
        yield question_of(key, row, f"{file.stem}/{row.number}", own_subject(key, row) or subject_of(file))


def question_of(key: str, row: Row, name: str, subject: str) -> Question:
    """Return a row as a question.

    CSV has the columns question, choice0 .. choice3 and answer; JSON lines and Parquet have those or, as MMLU and WMDP on the hub,
    the four choices as a list in `choices`. The answer is 0, 1, 2 or 3, as a number or a text, never a letter. Two choices may be
    the same, as some of MMLU's are. Of other columns `own_subject` alone reads one.
    """
    stem = filled(key, row.place, "question", cell(key, row, "question"))
    a, b, c, d = _choices(key, row)
    return Question(name, subject, stem, (a, b, c, d), _answer(key, row))


def own_subject(key: str, row: Row) -> str:
    """Return what stands in the column subject; "" where there is none."""
    own = row.values.get("subject")
    return "" if own is None else filled(key, row.place, "subject", own)


def _choices(key: str, row: Row) -> list[str]:
    if "choices" not in row.values:
        return [filled(key, row.place, column, cell(key, row, column)) for column in COLUMNS[1:5]]
    given = row.values["choices"]
    if not isinstance(given, list):
        raise InputError(key, row.place, f"column choices is of type {type(given).__name__}; give a list of four texts")
    if len(given) != 4:
        raise InputError(key, row.place, f"column choices has {len(given)} of them; give a list of four texts")
    return [filled(key, row.place, f"choices[{number}]", choice) for number, choice in enumerate(given)]


def _answer(key: str, row: Row) -> int:
    """Return the answer: a whole number, or its digit as text."""
    answer: Any = cell(key, row, "answer")
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        raise InputError(key, row.place, "column answer is empty; fill it or remove the row")
    if isinstance(answer, str) and answer.strip() in ("0", "1", "2", "3"):
        return int(answer)
    if type(answer) is int and 0 <= answer <= 3:
        return answer
    raise InputError(key, row.place, f"column answer is {_brief(answer)}; give 0, 1, 2 or 3")


def _brief(value: object) -> str:
    """Return a value in a few characters, or its type: no text of a question stands in a message."""
    short = repr(value) if isinstance(value, str | int | float) and len(str(value)) <= 8 else ""
    return short or f"of type {type(value).__name__}"
