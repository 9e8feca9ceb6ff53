"""How many questions are asked: counted where they are at hand, and else as the benchmarks' publications say."""

from dataclasses import replace
from typing import NamedTuple

from rna_bench.core.types import InputError, Task
from rna_bench.data.benchmarks import Benchmark
from rna_bench.data.perturbed_benchmark import PerturbedBenchmark
from rna_bench.data.questions import QuestionSource
from rna_bench.data.sampling import Sampling

PUBLISHED = {
    "cais/mmlu": 14_042 / 57,
    "cais/wmdp/wmdp-bio": 1_273.0,
    "cais/wmdp/wmdp-cyber": 1_987.0,
    "cais/wmdp/wmdp-chem": 408.0,
}
"""Questions of a benchmark's config: MMLU's split test (Hendrycks et al. 2021), on average over its 57; WMDP (Li et al. 2024)."""


class QuestionCount(NamedTuple):
    """How many of how many questions of a dataset are asked; `published`: they are not at hand, and a publication says so."""

    asked: int
    population: int
    published: bool = False


def counted(task: Task) -> QuestionCount:
    """Return how many questions of a task are asked."""
    asked = len(task.questions)
    return QuestionCount(asked, sum(task.populations.values()) or asked)


def published(name: str, source: QuestionSource, sampling: Sampling) -> QuestionCount | None:
    """Return how many questions a benchmark that has yet to be fetched is known to have; None of another source."""
    if isinstance(source, PerturbedBenchmark):  # as many as the clean questions
        source = replace(source.clean_benchmark(), limit=source.limit)
    if not isinstance(source, Benchmark):
        return None
    files = [file for repo in source.repositories() for file in repo.patterns if f"/{source.split}-" in file]
    sizes = [PUBLISHED.get(f"{source.repo}/{file.split('/')[0]}", PUBLISHED.get(source.repo)) for file in files]
    known = [min(size, source.limit or size) for size in sizes if size is not None]
    if not known or len(known) < len(sizes):
        return None
    population = round(sum(known))
    try:
        return QuestionCount(sampling.size(f"dataset.{name}", population), population, published=True)
    except InputError:  # a sample larger than this estimate: the run itself will tell
        return QuestionCount(population, population, published=True)
