"""Questions from files. A malformed row is an error that names its file, line and column."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rna_bench.core.types import InputError, Question, Task
from rna_bench.data.checks import DataRow, cell, nonempty_text
from rna_bench.data.files import rows
from rna_bench.data.pairing import Paired
from rna_bench.data.sampling import ALL, Sampling, sampled

COLUMNS = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
ENDINGS = (".csv", ".jsonl", ".parquet")


class QuestionSource(Protocol):
    """A source of a task's questions. `role` is "forget" or "retain"; `examples` and `categories` are those of `Task`.

    `missing` returns a line, with its remedy, for each thing that a run needs and would not find, without reading large files.
    """

    @property
    def role(self) -> str: ...
    @property
    def categories(self) -> Mapping[str, str]: ...
    def questions(self, seed: int) -> tuple[Question, ...]: ...
    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]: ...
    def missing(self) -> list[str]: ...


@runtime_checkable
class PerturbedSource(Protocol):
    """A source whose questions come perturbed: `paired` has the perturbed ones by the ids of the clean ones, `questions`."""

    def paired(self, seed: int) -> Paired: ...


@dataclass(frozen=True)
class QuestionFiles:
    """A file of questions, or a folder of such files: CSV, JSON lines or Parquet; `question_of` says what rows look like.

    The subject is the file's name without a final _dev, _val or _test. `limit` keeps the first questions of each file; 0, all.
    """

    role: str
    path: str
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise InputError("dataset.*.limit", self.limit, "give 0 for all questions, or more")

    @property
    def categories(self) -> Mapping[str, str]:
        """Return no categories."""
        return {}

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return no examples: questions are asked zero-shot."""
        return {}

    def missing(self) -> list[str]:
        """Return a line for each file that does not exist."""
        try:
            files = self._files()
        except InputError as error:
            return [str(error)]
        return [f"dataset.*.path={file}: does not exist" for file in files if not file.is_file()]

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return all questions in the files' order; the seed has no effect."""
        return tuple(question for file in self._files() for question in first_questions(_questions(file), self.limit))

    def _files(self) -> list[Path]:
        path = Path(self.path).expanduser()
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        if not files:
            raise InputError("dataset.*.path", path, "the folder has no file *.csv, *.jsonl or *.parquet")
        stems = [file.stem for file in files]
        twice = next((file for file in files if stems.count(file.stem) > 1), None)
        if twice:
            raise InputError(
                "dataset.*.path", twice, "another file here has the same name with a different ending; keep one of them"
            )
        return files


def make_task(name: str, source: QuestionSource, seed: int, sampling: Sampling = ALL) -> Task:
    """Return the task with the questions of a source, or with a sample of them."""
    if source.role not in ("forget", "retain"):
        raise InputError(f"dataset.{name}.role", source.role, "give forget or retain")
    pairs = source.paired(seed) if isinstance(source, PerturbedSource) else None
    questions = pairs.clean if pairs else source.questions(seed)
    if not questions:
        raise InputError(f"dataset.{name}", source, "has no questions; give a file with at least one row below the header")
    task = Task(name, source.role, questions, source.examples(seed), source.categories)
    if pairs:
        task = replace(task, given=pairs.given, pairing=pairs.pairing)
    return sampled(task, sampling)


def first_questions(questions: Iterator[Question], limit: int) -> list[Question]:
    """Return the first `limit` questions; 0, all. The rest is read, too, so that malformed rows are always found."""
    return list(questions)[: limit or None]


def subject_of(file: Path) -> str:
    """Return the subject that a file is named after."""
    return re.sub(r"_(dev|val|test)$", "", file.stem)


def question_rows(key: str, file: Path) -> Iterator[DataRow]:
    """Yield the rows of a file of questions."""
    if file.suffix.lower() not in ENDINGS:
        raise InputError(key, file, f"cannot be read as questions; give a file that ends in {', '.join(ENDINGS)}")
    yield from rows(key, file, COLUMNS)


def _questions(file: Path) -> Iterator[Question]:
    key = "dataset.*.path"
    for row in question_rows(key, file):
        yield question_of(key, row, f"{file.stem}/{row.number}", own_subject(key, row) or subject_of(file))


def question_of(key: str, row: DataRow, name: str, subject: str) -> Question:
    """Return a row as a question.

    CSV has the columns question, choice0 .. choice3 and answer. JSON lines and Parquet have the same or, like MMLU and WMDP on the
    hub, the four choices as a list in `choices`. The answer is 0, 1, 2 or 3, as a number or text, not a letter. Two choices may
    be equal, as some in MMLU are. Other columns are ignored, except for the subject (`own_subject`).
    """
    stem = nonempty_text(key, row.place, "question", cell(key, row, "question"))
    a, b, c, d = _choices(key, row)
    return Question(name, subject, stem, (a, b, c, d), _answer(key, row))


def own_subject(key: str, row: DataRow) -> str:
    """Return the value of the column subject, or "" if there is none."""
    own = row.values.get("subject")
    return "" if own is None else nonempty_text(key, row.place, "subject", own)


def _choices(key: str, row: DataRow) -> list[str]:
    if "choices" not in row.values:
        if "choice0" not in row.values:
            raise InputError(key, row.place, "there is no column choices, nor choice0 to choice3; each row must have them")
        return [nonempty_text(key, row.place, column, cell(key, row, column)) for column in COLUMNS[1:5]]
    given = row.values["choices"]
    if not isinstance(given, list):
        raise InputError(key, row.place, f"column choices is of type {type(given).__name__}; give a list of four texts")
    if len(given) != 4:
        raise InputError(key, row.place, f"column choices has {len(given)} items; give a list of four texts")
    return [nonempty_text(key, row.place, f"choices[{number}]", choice) for number, choice in enumerate(given)]


def _answer(key: str, row: DataRow) -> int:
    """Return the answer, given as a whole number or as a digit."""
    answer: Any = cell(key, row, "answer")
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        raise InputError(key, row.place, "column answer is empty; fill it or remove the row")
    if isinstance(answer, str) and answer.strip() in ("0", "1", "2", "3"):
        return int(answer)
    if type(answer) is int and 0 <= answer <= 3:
        return answer
    raise InputError(key, row.place, f"column answer is {_brief(answer)}; give 0, 1, 2 or 3")


def _brief(value: object) -> str:
    """Return a short value, or the type of a longer one: messages quote no text of a question."""
    short = repr(value) if isinstance(value, str | int | float) and len(str(value)) <= 8 else ""
    return short or f"of type {type(value).__name__}"
