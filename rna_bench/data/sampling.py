"""Samples of a dataset's questions: stratified by subject, the same in every run, and as large as a standard error needs.

What is estimated is the accuracy on all of the dataset's questions, a finite population. Formulas: Cochran, Sampling Techniques,
3rd edition (1977).
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rna_bench.core import seeds
from rna_bench.core.types import InputError, Question, Task

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sampling:
    """How many of a dataset's questions are asked: `sample`, else as many as `stderr` needs, else all.

    `sample_seed` draws them, and not the run's seed, so that every run is asked the same ones.
    """

    sample: int | None = None
    sample_seed: int = 0
    stderr: float | None = None

    def size(self, key: str, population: int) -> int:
        """Return how many of so many questions are asked; `key` is the dataset's, for errors."""
        if self.sample is None:
            return population if self.stderr is None else needed(self.stderr, population)
        if self.sample < 1:
            raise InputError(f"{key}.sample", self.sample, "give a number of questions above 0, or null for all")
        if self.sample > population:
            raise InputError(f"{key}.sample", self.sample, f"there are {population} questions; give no more, or null for all")
        return self.sample


ALL = Sampling()


def needed(stderr: float, population: int) -> int:
    """Return how many of so many questions give an accuracy of one half this standard error; all, if fewer do not.

    n = n0 / (1 + (n0 - 1) / M) with n0 = p (1 - p) / stderr^2 at p = 1/2, where it is largest (Cochran, section 4.4), rounded up.
    """
    infinite = 0.25 / stderr**2
    if infinite <= 1:
        return 1
    return min(population, math.ceil(round(infinite / (1 + (infinite - 1) / population), 9)))


def sampled(task: Task, sampling: Sampling) -> Task:
    """Return the task with a sample of its questions, in their order, or the task itself where all are asked.

    Each subject gets its share (`allocated`), drawn by the questions' ids: neither their order nor their phrasing matters, and a
    larger sample has the questions of a smaller one that is in no subject larger.
    """
    size = sampling.size(f"dataset.{task.name}", len(task.questions))
    if size == len(task.questions):
        return task
    subjects: dict[str, list[Question]] = {}
    for question in task.questions:
        subjects.setdefault(question.subject, []).append(question)
    populations = {subject: len(questions) for subject, questions in subjects.items()}
    sizes = allocated(size, populations)
    _warn_of_unasked(task.name, sizes)
    names = ("sample", task.name)
    chosen = {
        id(question)
        for subject, questions in subjects.items()
        for question in _drawn(questions, sizes[subject], sampling.sample_seed, (*names, subject))
    }
    questions = tuple(question for question in task.questions if id(question) in chosen)
    return replace(task, questions=questions, populations=populations)


def allocated(size: int, populations: Mapping[str, int]) -> dict[str, int]:
    """Return how many of `size` questions each subject gets: in proportion (Cochran, section 5.3), by largest remainders.

    Of equal remainders the larger subject's comes first, and then the name that sorts first.
    """
    total = sum(populations.values())
    shares = {subject: divmod(size * population, total) for subject, population in populations.items()}
    left = size - sum(whole for whole, _ in shares.values())
    order = sorted(shares, key=lambda subject: (-shares[subject][1], -populations[subject], subject))
    return {subject: whole + (subject in order[:left]) for subject, (whole, _) in shares.items()}


def _drawn(questions: Sequence[Question], size: int, seed: int, names: tuple[object, ...]) -> Sequence[Question]:
    by_id = sorted(questions, key=lambda question: question.id)
    seeds.random(seed, *names).shuffle(by_id)
    return by_id[:size]


def _warn_of_unasked(name: str, sizes: Mapping[str, int]) -> None:
    unasked = [subject for subject, size in sizes.items() if not size]
    if unasked:
        count = f"{len(unasked)} of {len(sizes)} subjects"
        LOG.warning("dataset.%s: the sample of %d has no question on %s", name, sum(sizes.values()), count)
