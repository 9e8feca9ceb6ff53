"""MMLU and WMDP: questions by subject, from the Hugging Face hub or from a copy."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core import hub
from rna_bench.core.types import InputError, Question
from rna_bench.data.checks import Row
from rna_bench.data.copies import check_subject, files_of, rows_in, rows_of
from rna_bench.data.questions import question_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Benchmark:
    """Questions by subject, as lm-evaluation-harness asks them.

    The hub's configs are those in `groups`, by category, and those in `names`, which says what prompts call them where a config is
    not named for its subject. `subjects` takes some of the configs; none is all. `path` is a copy (a folder, or one file); null,
    the hub. A copy must have every subject asked for, unless `partial`. `shots` examples, the first of `examples_split`, stand
    before each question. `limit` keeps the first questions of each subject; 0, all. A question's id is its config and its place
    there, from 0: the same from the hub and in every form of copy.
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
        """Return the category of each subject asked for that has one."""
        asked = self._asked()
        return {asked[config]: group for group, configs in self.groups.items() for config in configs if config in asked}

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return the questions, by subject. The seed changes nothing: the questions are given."""
        found = self._found()
        if self.partial:
            log.info("dataset.%s: %d of %d subjects are there", self.name, len(found), len(self._asked()))
        made = {config: self._made(config, "", rows) for config, rows in found.items()}
        return tuple(question for questions in made.values() for question in questions[: self.limit or None])

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return the first `shots` rows of the examples' split of each subject."""
        if not self.shots or self.examples_split is None:
            return {}
        path, asked = self._source(), self._asked()
        if path.is_file():
            raise InputError(self._key("shots"), self.shots, f"the one file {path} has no examples; give a folder, or shots 0")
        found = rows_of(self._place(), path, self.examples_split, asked, plain=False)
        few = {config: found.get(config, [])[: self.shots] for config in self._found()}
        for config, rows in few.items():
            if len(rows) < self.shots:
                remedy = f"{config} has {len(rows)} examples in split {self.examples_split}; give no more"
                raise InputError(self._key("shots"), self.shots, remedy)
        return {asked[config]: self._made(config, f"{self.examples_split}/", rows) for config, rows in few.items()}

    def missing(self) -> list[str]:
        """Return what the hub's cache or the copy lacks."""
        if self.path is None:
            line = hub.absent(self._repo())
            return [line] if line else []
        try:
            path = self._source()
            self._complain([config for config in self._asked() if not self._has(path, config)])
        except InputError as error:
            return [str(error)]
        return []

    def _all(self) -> dict[str, str]:
        """Return every config, in the order of their names, with its subject."""
        configs = sorted({*self.names, *(config for configs in self.groups.values() for config in configs)})
        return {config: self.names.get(config, config) for config in configs}

    def _asked(self) -> dict[str, str]:
        """Return the configs asked for, with their subjects."""
        known = self._all()
        return {config: known[config] for config in known if config in (self.subjects or known)}

    def _source(self) -> Path:
        """Return the copy, or the hub's snapshot, which is fetched where that is allowed."""
        if self.path is None:
            return hub.fetched(self._repo())
        path = Path(self.path).expanduser()
        if not path.exists():
            raise InputError(self._key("path"), self.path, "is not there; give a folder or file of questions, or null for the hub")
        return path

    def _repo(self) -> hub.Repo:
        splits = [self.split, *([self.examples_split] if self.shots and self.examples_split else [])]
        files = tuple(f"{config}/{split}-00000-of-00001.parquet" for config in self._asked() for split in splits)
        return hub.Repo(self._key("repo"), self.repo, self.revision, "dataset", files)

    def _found(self) -> dict[str, list[Row]]:
        """Return the rows of every subject asked for, or, where `partial` allows it, of those that the copy has."""
        key, path, asked = self._place(), self._source(), self._asked()
        one = path.is_file()
        found = rows_in(key, path, asked, self._all()) if one else rows_of(key, path, self.split, asked, plain=True)
        self._complain([config for config in asked if not found.get(config)])
        return {config: rows for config, rows in found.items() if rows}

    def _complain(self, lacking: list[str]) -> None:
        """Raise InputError for subjects that the copy has no questions on; with `partial`, if it has none at all."""
        asked = len(self._asked())
        if not lacking or (self.partial and len(lacking) < asked):
            return
        first = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        take = f" or {self._key('partial')}=true to take the {asked - len(lacking)} that are there" if len(lacking) < asked else ""
        remedy = (
            f"has no split {self.split} of {first} ({len(lacking)} of {asked}); add them, narrow {self._key('subjects')},{take}"
        )
        raise InputError(self._place(), self.path or self.repo, remedy.rstrip(","))

    def _has(self, path: Path, config: str) -> bool:
        """Tell whether a copy has a file for a config, without a look inside."""
        return path.is_file() or bool(files_of(self._place(), path, config, self.split, plain=True))

    def _made(self, config: str, split: str, rows: list[Row]) -> tuple[Question, ...]:
        subject, place = self._asked()[config], self._place()
        return tuple(question_of(place, row, f"{config}/{split}{number}", subject) for number, row in enumerate(rows))

    def _place(self) -> str:
        return self._key("repo" if self.path is None else "path")

    def _key(self, field: str) -> str:
        return f"dataset.{self.name}.{field}"
