"""Records -> all that the page shows of single runs and of runs side by side."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.page.answers import Answers, Reader, bits, exam_json, subject_counts, thinned
from rna_bench.reporting.page.curves import looks_curve, loss_curve
from rna_bench.reporting.page.pool import Pool, digits, flat
from rna_bench.reporting.page.texts import TextSets
from rna_bench.runs.collection import Collection, Recorded

BITS = 6_000_000
"""Answers of all runs together, as bits: 1 MB in base64. Where there are more, the page has one in k questions."""
LEFT_OUT = ("command", "results_dir", "tracker")
"""Of what was measured: the command is shown by itself, the others say where the machine keeps things."""


class Shared(NamedTuple):
    """Lists of what many runs have in common; runs name places in them."""

    settings: Pool
    keys: Pool
    origins: Pool
    exams: Pool
    counts: Pool


def details(collection: Collection) -> tuple[dict[str, Any], list[str]]:
    """Return the details of all runs, with what they share in lists of its own; and a line for each run without answers."""
    answers, unread = _answers(collection.runs)
    every, kept = thinned([found for found in answers if found], BITS)
    shared, sets, rest = Shared(*(Pool() for _ in Shared._fields)), TextSets(), iter(kept)
    runs: list[dict[str, Any]] = []
    for run, found in zip(collection.runs, answers, strict=True):
        path = run.folder.relative_to(collection.folder).as_posix()
        made = _run(run.record, shared) | {"path": path}
        runs.append(made | _answered(run.record, found, next(rest), shared, sets) if found else made)
    lists = {name: pool.items for name, pool in zip(Shared._fields, shared, strict=True)}
    return lists | {"every": every, "texts": sets.items, "runs": runs}, unread


def _answers(runs: Sequence[Recorded]) -> tuple[list[Answers | None], list[str]]:
    reader, found, unread = Reader(), list[Answers | None](), list[str]()
    for run in runs:
        try:
            found.append(reader.read(run.folder))
        except InputError as error:
            found.append(None)
            unread.append(f"{run.record.identity}: {error}")
    return found, unread


def _run(record: RunRecord, shared: Shared) -> dict[str, Any]:
    measured = {key: value for key, value in record.measured.items() if key not in LEFT_OUT}
    config = flat(record.config)
    return {
        "reason": record.reason,
        "settings": [shared.settings.place([key, config[key]]) for key in sorted(config)],
        "choices": shared.origins.place(flat(record.choices)),
        "fingerprints": shared.origins.place(flat(record.fingerprints)),
        "provenance": shared.origins.place(flat(record.provenance)),
        "command": [flat({"": word})[""] for word in record.measured.get("command") or ()],
        "measured": {key: _short(value) for key, value in measured.items()},
        "facts": {key: digits(value) for key, value in record.statistics.items()},
        "scores": [list(score) for score in _scores(record, shared)],
        "losses": loss_curve(record.losses),
        "looks": looks_curve(record),
    }


def _short(value: Any) -> Any:
    """Return measured numbers with four digits, in sections too."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return digits(value) if isinstance(value, float) else value


def _scores(record: RunRecord, shared: Shared) -> Iterator[tuple[int, float | None, float | None, int]]:
    """Yield the place of task, role, form, group and n in `keys`, then accuracy and standard error, and ties."""
    for score in (*record.scores, *record.breakdown):
        key = shared.keys.place([score.task, score.role, score.perturbation, score.group, score.n])
        yield key, digits(score.accuracy), digits(score.stderr, 3), score.ties


def _answered(record: RunRecord, whole: Answers, kept: Answers, shared: Shared, sets: TextSets) -> dict[str, Any]:
    counts = subject_counts(whole)
    return {
        "exam": shared.exams.place(exam_json(kept.exam)),
        "bits": bits(kept.right),
        "asked": shared.counts.place({perturbation: asked for perturbation, (asked, _) in counts.items()}),
        "right": [right for _, right in counts.values()],
        "texts": sets.place(record, kept),
    }
