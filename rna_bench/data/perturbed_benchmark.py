"""A benchmark whose questions come perturbed, paired with the benchmark that they were made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from rna_bench.core import hub
from rna_bench.core.types import InputError, Question
from rna_bench.data.benchmarks import Benchmark
from rna_bench.data.pairing import Paired, paired


@dataclass(frozen=True)
class Origin:
    """Where the clean questions are: a repository of the hub at a revision, or a local copy."""

    repo: str
    revision: str
    path: str | None


@dataclass(frozen=True)
class PerturbedBenchmark:
    """Questions as they come perturbed, by subject, with the clean ones that they belong to (`paired`).

    `repo`, `revision` and `path` are of the perturbed questions, `clean` of the others; the remaining fields are those of
    `Benchmark`, for both. `words` were put into the questions. The ids are those of the clean questions.
    """

    name: str
    role: str
    repo: str
    revision: str | None
    path: str | None
    words: list[str]
    clean: Origin
    subjects: list[str]
    partial: bool
    groups: dict[str, list[str]]
    names: dict[str, str]
    split: str
    examples_split: str | None
    shots: int
    limit: int

    def __post_init__(self) -> None:
        if self.role != "retain":
            raise InputError(f"dataset.{self.name}.role", self.role, "only questions to be retained are perturbed; give retain")
        if not self.words:
            raise InputError(f"dataset.{self.name}.words", "[]", "give the words that were put into the questions")
        if self.limit < 0:
            raise InputError(f"dataset.{self.name}.limit", self.limit, "give 0 for all questions, or more")
        self.clean_benchmark()  # checks subjects and shots

    @property
    def categories(self) -> Mapping[str, str]:
        """Return the category of each selected subject that has one."""
        return self.clean_benchmark().categories

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return the clean questions of all pairs, by subject; the seed has no effect."""
        return self.paired(seed).clean

    def paired(self, seed: int) -> Paired:
        """Return the pairs, of each subject the first `limit`."""
        perturbed = self._perturbed().questions(seed)  # first: without a revision, one line says so
        clean = self.clean_benchmark().questions(seed)
        if self.partial:  # what a copy lacks was logged, and is not a question without a partner
            both = {question.subject for question in clean} & {question.subject for question in perturbed}
            clean, perturbed = (tuple(one for one in side if one.subject in both) for side in (clean, perturbed))
        made = paired(clean, perturbed, self.words)
        if not any(one.slots for one in made.given.values()):
            key = f"dataset.{self.name}.{'repo' if self.path is None else 'path'}"
            lacking = f"no question has {' or '.join(self.words)} in what was changed ({made.pairing})"
            remedy = f"{lacking}; give a copy of perturbed questions, or in dataset.{self.name}.words what was put into them"
            raise InputError(key, self.path or self.repo, remedy)
        return made.first(self.limit)

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return the first `shots` clean questions of `examples_split`, by subject."""
        return self.clean_benchmark().examples(seed)

    def missing(self) -> list[str]:
        """Return what the hub's cache or the local copies lack."""
        try:
            perturbed = self._perturbed()
        except InputError as error:
            return [str(error), *self.clean_benchmark().missing()]
        return [*perturbed.missing(), *self.clean_benchmark().missing()]

    def repositories(self) -> tuple[hub.Repo, ...]:
        """Return the repositories of both, but of those that have a copy."""
        return (*self._perturbed().repositories(), *self.clean_benchmark().repositories())

    def clean_benchmark(self) -> Benchmark:
        """Return the benchmark of the clean questions, all of them."""
        origin = self.clean
        return self._benchmark(f"{self.name}.clean", origin.repo, origin.revision, origin.path, self.examples_split, self.shots)

    def _perturbed(self) -> Benchmark:
        """Return the benchmark of the perturbed questions; on the hub they need a revision."""
        if self.path is None and not self.revision:
            commits = f"https://huggingface.co/datasets/{self.repo}/commits/main"
            remedy = f"its commits are not known to us; give one that {commits} lists, or dataset.{self.name}.path=FOLDER of a copy"
            raise InputError(f"dataset.{self.name}.revision", "null", remedy)
        return self._benchmark(self.name, self.repo, self.revision or "", self.path, None, 0)

    def _benchmark(
        self, name: str, repo: str, revision: str, path: str | None, examples_split: str | None, shots: int
    ) -> Benchmark:
        return Benchmark(
            name=name,
            role=self.role,
            repo=repo,
            revision=revision,
            path=path,
            subjects=self.subjects,
            partial=self.partial,
            groups=self.groups,
            names=self.names,
            split=self.split,
            examples_split=examples_split,
            shots=shots,
            limit=0,
        )
