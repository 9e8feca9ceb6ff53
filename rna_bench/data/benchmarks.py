"""MMLU and WMDP: questions by subject, from the Hugging Face hub or from a local copy."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core import hub
from rna_bench.core.types import InputError, Question
from rna_bench.data.benchmark_files import check_subject, rows_from_file, split_files, split_rows
from rna_bench.data.checks import DataRow
from rna_bench.data.questions import question_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Benchmark:
    """Questions by subject, as lm-evaluation-harness asks them.

    `name` is what messages call the dataset's section; with `NAME.PART` the keys `repo`, `revision` and `path` are in that part.
    `groups` has the hub's configs by category. `names` maps a config to its subject in prompts, where the two differ. `subjects`
    selects configs; an empty list selects all. `path` is a local copy (a folder or one file); null means the hub. A copy must
    have every selected subject, unless `partial`. The first `shots` examples of `examples_split` precede each question. `limit`
    keeps the first questions of each subject; 0 keeps all. A question's id is its config and its index there, from 0: the same
    from the hub and from every format of copy.
    """

    name: str
    role: str
    repo: str
    revision: str
    path: str | None
    subjects: list[str]
    partial: bool
    groups: dict[str, list[str]]
    names: dict[str, str]
    split: str
    examples_split: str | None
    shots: int
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise InputError(self._key("limit"), self.limit, "give 0 for all questions, or more")
        if self.shots < 0:
            raise InputError(self._key("shots"), self.shots, "give 0 for no examples, or more")
        if self.shots and self.examples_split is None:
            raise InputError(self._key("shots"), self.shots, f"{self.repo} has no split to take examples from; give 0")
        for subject in self.subjects:
            check_subject(self._key("subjects"), subject, self._all())

    @property
    def categories(self) -> Mapping[str, str]:
        """Return the category of each selected subject that has one."""
        selected = self._selected()
        return {selected[config]: group for group, configs in self.groups.items() for config in configs if config in selected}

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return the questions, by subject; the seed has no effect."""
        rows_by_config = self._rows()
        if self.partial:
            log.info("dataset.%s: %d of %d subjects are available", self.name, len(rows_by_config), len(self._selected()))
        by_config = [self._questions(config, "", rows) for config, rows in rows_by_config.items()]
        return tuple(question for questions in by_config for question in questions[: self.limit or None])

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return the first `shots` questions of `examples_split`, by subject."""
        if not self.shots or self.examples_split is None:
            return {}
        path, selected = self._source(), self._selected()
        if path.is_file():
            raise InputError(self._key("shots"), self.shots, f"the one file {path} has no examples; give a folder, or shots 0")
        rows_by_config = split_rows(self._source_key(), path, self.examples_split, selected, bare=False)
        examples = {config: rows_by_config.get(config, [])[: self.shots] for config in self._rows()}
        for config, rows in examples.items():
            if len(rows) < self.shots:
                remedy = f"{config} has {len(rows)} examples in split {self.examples_split}; give no more"
                raise InputError(self._key("shots"), self.shots, remedy)
        return {selected[config]: self._questions(config, f"{self.examples_split}/", rows) for config, rows in examples.items()}

    def missing(self) -> list[str]:
        """Return what the hub's cache or the local copy lacks."""
        if self.path is None:
            return hub.missing(self._repo())
        try:
            path = self._source()
            self._check_complete([config for config in self._selected() if not self._has(path, config)])
        except InputError as error:
            return [str(error)]
        return []

    def repositories(self) -> tuple[hub.Repo, ...]:
        """Return the benchmark's repository, unless there is a copy."""
        return (self._repo(),) if self.path is None else ()

    def _all(self) -> dict[str, str]:
        """Return every config with its subject, sorted by config."""
        configs = sorted({*self.names, *(config for configs in self.groups.values() for config in configs)})
        return {config: self.names.get(config, config) for config in configs}

    def _selected(self) -> dict[str, str]:
        """Return the selected configs with their subjects."""
        subjects = self._all()
        return {config: subjects[config] for config in subjects if config in (self.subjects or subjects)}

    def _source(self) -> Path:
        """Return the path of the local copy, or of the hub's snapshot, which is fetched if that is allowed."""
        if self.path is None:
            return hub.fetch_snapshot(self._repo())
        path = Path(self.path).expanduser()
        if not path.exists():
            raise InputError(
                self._source_key(), self.path, "does not exist; give a folder or file of questions, or null for the hub"
            )
        return path

    def _repo(self) -> hub.Repo:
        splits = [self.split, *([self.examples_split] if self.shots and self.examples_split else [])]
        files = tuple(f"{config}/{split}-00000-of-00001.parquet" for config in self._selected() for split in splits)
        return hub.Repo(self._source_key(), self.repo, self.revision, "dataset", files)

    def _rows(self) -> dict[str, list[DataRow]]:
        """Return the rows of every selected subject; with `partial`, of those that the copy has."""
        key, path, selected = self._source_key(), self._source(), self._selected()
        if path.is_file():
            rows_by_config = rows_from_file(key, path, selected, self._all())
        else:
            rows_by_config = split_rows(key, path, self.split, selected, bare=True)
        self._check_complete([config for config in selected if not rows_by_config.get(config)])
        return {config: rows for config, rows in rows_by_config.items() if rows}

    def _check_complete(self, lacking: list[str]) -> None:
        """Raise InputError if the copy lacks questions on these subjects; with `partial`, only if it has no questions at all."""
        count = len(self._selected())
        if not lacking or (self.partial and len(lacking) < count):
            return
        first = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        there = count - len(lacking)
        take = f" or {self._key('partial')}=true to use the {there} that it has" if there else ""
        remedy = (
            f"has no split {self.split} of {first} ({len(lacking)} of {count}); add them, narrow {self._key('subjects')},{take}"
        )
        raise InputError(self._source_key(), self.path or self.repo, remedy.rstrip(","))

    def _has(self, path: Path, config: str) -> bool:
        """Return whether the copy has a file for a config, without reading it."""
        return path.is_file() or bool(split_files(self._source_key(), path, config, self.split, bare=True))

    def _questions(self, config: str, split: str, rows: list[DataRow]) -> tuple[Question, ...]:
        subject, key = self._selected()[config], self._source_key()
        return tuple(question_of(key, row, f"{config}/{split}{number}", subject) for number, row in enumerate(rows))

    def _source_key(self) -> str:
        """Return the key that errors about the data name."""
        return f"dataset.{self.name}.{'repo' if self.path is None else 'path'}"

    def _key(self, field: str) -> str:
        return f"dataset.{self.name.partition('.')[0]}.{field}"
