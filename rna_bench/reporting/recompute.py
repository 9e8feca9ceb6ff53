"""What a record's scores would be by its responses, compared with what it holds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig

from rna_bench.core.schemas import build
from rna_bench.core.types import InputError, Response, RunRecord, Score, Status, Task
from rna_bench.evaluation.scores import Populations, breakdown, scores
from rna_bench.runs.identity import SAMPLING
from rna_bench.runs.record import LOGPS, RESPONSES, read_responses

Key = tuple[str, str, str, str]
RELATIVE = 1e-12
"""How far standard errors may differ: earlier versions took the square root of another, equal expression."""
NEAR = {"float32": 0.001, "bfloat16": 0.5}
"""By dtype: two log-likelihoods this near may change places when a question is scored in another batch."""


def score_differences(record: RunRecord, questions: Path) -> list[str]:
    """Return in words each score of a record that its file of responses does not give."""
    try:
        responses = _responses(record, questions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{questions.name} cannot be read ({' '.join(str(error).split())})"]
    lines = list(_compared(record.scores, scores(responses, _populations(record)), ties=record.schema_version > 1))
    if record.schema_version > 1:  # schema 1 had no scores by subject
        lines += _breakdown_differences(record, responses)
    return lines or list(_last_point_differences(record, responses))


def _breakdown_differences(record: RunRecord, responses: Sequence[Response]) -> Iterator[str]:
    """Yield the differences by subject and category. Categories are those that the dataset of the record's config has.

    Where its class is not at hand, scores by category are not compared.
    """
    subjects = {(response.task, response.subject) for response in responses}
    by_category = {score.task for score in record.breakdown if (score.task, score.group) not in subjects}
    found = {task: _categories(record, task) for task in by_category}
    kept = [score for score in record.breakdown if found.get(score.task, ()) is not None or (score.task, score.group) in subjects]
    names = {response.task: response.role for response in responses}
    tasks = [Task(name, role, (), categories=found.get(name) or {}) for name, role in names.items()]
    yield from _compared(kept, breakdown(responses, tasks, _populations(record)), ties=True)


def _populations(record: RunRecord) -> Populations:
    """Return how many questions there were to ask, as the record says: responses do not show it."""
    stored = (*record.scores, *record.breakdown)
    return {(score.task, score.group): score.population for score in stored if score.population is not None}


def _responses(record: RunRecord, questions: Path) -> list[Response]:
    columns = read_responses(questions).to_pydict()
    roles = {score.task: score.role for score in record.scores} | _configured_roles(record)
    subjects = columns.get("subject", [""] * len(columns["task"]))
    plain = (columns[name] for name in RESPONSES if name not in ("subject", *LOGPS, "answer"))
    rows = zip(*plain, zip(*(columns[name] for name in LOGPS), strict=True), columns["answer"], subjects, strict=True)
    return [Response(task, roles.get(task, ""), *rest) for task, *rest in rows]


def _configured_roles(record: RunRecord) -> dict[str, str]:
    return {name: section["role"] for name, section in record.config["dataset"].items() if "role" in section}


def _categories(record: RunRecord, task: str) -> Mapping[str, str] | None:
    """Return the category of each subject of a task, None where the class of its dataset is not at hand."""
    try:
        return build(f"dataset.{task}", DictConfig(record.config["dataset"][task]), beside=SAMPLING).categories
    except (InputError, KeyError):
        return None


def _compared(stored: Sequence[Score], recomputed: Sequence[Score], *, ties: bool) -> Iterator[str]:
    """Yield in words each number that differs, and each score that only one side has."""
    ours, theirs = _by_key(stored), _by_key(recomputed)
    if len(ours) < len(stored):
        yield "a score is stored twice"
    fields = ("accuracy", "n", "population", "stderr", *(["ties"] if ties else []))
    for key in {**theirs, **ours}:
        name = " ".join(filter(None, key))
        if key not in ours or key not in theirs:
            yield f"{name}: {'not stored' if key in theirs else 'stored, and there are no such responses'}"
            continue
        for field in fields:
            one, other = vars(ours[key])[field], vars(theirs[key])[field]
            if not _same(one, other, field):
                yield f"{name} {field}: {one} stored, {other} recomputed"


def _by_key(some: Sequence[Score]) -> dict[Key, Score]:
    return {(score.task, score.role, score.perturbation, score.group): score for score in some}


def _same(one: float | None, other: float | None, field: str) -> bool:
    if field != "stderr" or one is None or other is None:
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE)


def _last_point_differences(record: RunRecord, responses: Sequence[Response]) -> Iterator[str]:
    """Yield in words each score of the last eval point that is not the final one, though it has the same questions.

    It is after the last update, so the model is the same. Questions whose two likeliest choices are near may differ.
    """
    last = record.eval_points[-1] if record.eval_points else None
    if not last or record.status is Status.diverged or last.step != record.config["train"]["steps"]:
        return
    final = _by_key(record.scores)
    near = _near(responses, NEAR.get(record.config["model"]["dtype"], max(NEAR.values())))
    for key, score in _by_key(last.scores).items():
        whole = final.get(key)
        if whole and whole.n == score.n and round(abs(whole.accuracy - score.accuracy) * whole.n) > near.get(key, 0):
            yield f"{' '.join(filter(None, key))} accuracy: {score.accuracy} at the last eval point, {whole.accuracy} in the scores"


def _near(responses: Sequence[Response], distance: float) -> dict[Key, int]:
    """Return how many responses have two likeliest choices within a distance, by task, role and perturbation."""
    counts: dict[Key, int] = {}
    for response in responses:
        second, first = sorted(response.logps)[-2:]
        if not first - second > distance:
            key = (response.task, response.role, response.perturbation, "")
            counts[key] = counts.get(key, 0) + 1
    return counts
