"""Questions to ask, from CSV files. A malformed row is an error that names its file, line and column."""

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rna_bench.schema import InputError, Question, Task

COLUMNS = ("question", "choice0", "choice1", "choice2", "choice3", "answer")


class QuestionSource(Protocol):
    """Where a task's questions come from. `role` is "forget" or "retain"."""

    @property
    def role(self) -> str: ...
    def questions(self, seed: int) -> tuple[Question, ...]: ...


@dataclass(frozen=True)
class QuestionFiles:
    """A CSV file, or a folder of them, with the header question,choice0,choice1,choice2,choice3,answer; answer 0..3.

    A file's name is the subject, less an ending _dev, _val or _test. `limit` keeps the first questions of each file; 0, all.
    """

    role: str
    path: str
    limit: int

    def __post_init__(self) -> None:
        if self.role not in ("forget", "retain"):
            raise InputError("dataset.*.role", self.role, "give forget or retain")

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return all questions in the files' order. The seed changes nothing: the questions are given."""
        path = Path(self.path).expanduser()
        files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not files:
            raise InputError("dataset.*.path", path, "the folder has no *.csv file")
        return tuple(question for file in files for question in list(_rows(file))[: self.limit or None])


def make_task(name: str, source: QuestionSource, seed: int) -> Task:
    """Return the task that a source makes of the run's seed."""
    return Task(name, source.role, source.questions(seed))


def fingerprint(tasks: Sequence[Task]) -> str:
    """Return sixteen hexadecimal digits over every word of every question."""
    return hashlib.sha256(repr(tasks).encode()).hexdigest()[:16]


def _rows(file: Path) -> Iterator[Question]:
    subject = re.sub(r"_(dev|val|test)$", "", file.stem)
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError("dataset.*.path", file, f"line 1 lacks the column {missing[0]}; the header is {','.join(COLUMNS)}")
            for row in reader:
                yield _question(row, f"{subject}/{reader.line_num}", subject, f"{file}:{reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("dataset.*.path", file, f"cannot be read ({error}); give a UTF-8 CSV file or a folder of them") from error


def _question(row: dict[str, str | None], name: str, subject: str, place: str) -> Question:
    values = [row[column] for column in COLUMNS]
    for column, value in zip(COLUMNS, values, strict=True):
        if value is None or not value.strip():
            raise InputError("dataset.*.path", place, f"column {column} is empty; fill it or remove the row")
    if None in row:
        raise InputError("dataset.*.path", place, "the row has more columns than the header; quote fields that hold commas")
    stem, a, b, c, d, answer = (str(value) for value in values)
    if answer.strip() not in ("0", "1", "2", "3"):
        raise InputError("dataset.*.path", place, f"column answer is {answer!r}; give 0, 1, 2 or 3")
    return Question(name, subject, stem, (a, b, c, d), int(answer))
