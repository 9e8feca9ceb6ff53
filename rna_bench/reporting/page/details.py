"""Records -> what the page shows of single runs and of runs side by side."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.page.curves import eval_curve, loss_curve
from rna_bench.reporting.page.pool import Pool, flat_text, rounded, value_text
from rna_bench.reporting.page.responses import GradedResponses, ResponseReader, bits, order_json, subject_counts, thinned
from rna_bench.reporting.page.texts import TextSets
from rna_bench.runs.collection import Collection, Recorded

BITS = 6_000_000
"""The most responses of all runs together, as bits: 1 MB in base64. Beyond that the page has one in k questions."""
LEFT_OUT = ("command", "results_dir", "tracker")
"""Measured values that are not listed: the command is shown separately, the others depend on the machine."""


class SharedLists(NamedTuple):
    """Values that many runs share; runs refer to them by index."""

    settings: Pool
    keys: Pool
    origins: Pool
    orders: Pool
    counts: Pool


def details(collection: Collection) -> tuple[dict[str, Any], list[str]]:
    """Return the details of all runs, with the lists that they share; and a line for each run without responses."""
    responses, unread = _responses(collection.runs)
    every, shown = thinned([own for own in responses if own], BITS)
    shared, sets, rest = SharedLists(*(Pool() for _ in SharedLists._fields)), TextSets(), iter(shown)
    runs: list[dict[str, Any]] = []
    for run, own in zip(collection.runs, responses, strict=True):
        path = run.folder.relative_to(collection.folder).as_posix()
        entry = _run(run.record, shared) | {"path": path}
        runs.append(entry | _response_entry(run.record, own, next(rest), shared, sets) if own else entry)
    lists = {name: pool.items for name, pool in zip(SharedLists._fields, shared, strict=True)}
    return lists | {"every": every, "texts": sets.items, "runs": runs}, unread


def _responses(runs: Sequence[Recorded]) -> tuple[list[GradedResponses | None], list[str]]:
    reader, responses, unread = ResponseReader(), list[GradedResponses | None](), list[str]()
    for run in runs:
        try:
            responses.append(reader.read(run.folder))
        except InputError as error:
            responses.append(None)
            unread.append(f"{run.record.identity}: {error}")
    return responses, unread


def _run(record: RunRecord, shared: SharedLists) -> dict[str, Any]:
    measured = {key: value for key, value in record.measured.items() if key not in LEFT_OUT}
    config = flat_text(record.config)
    return {
        "reason": record.reason,
        "settings": [shared.settings.place([key, config[key]]) for key in sorted(config)],
        "choices": shared.origins.place(flat_text(record.choices)),
        "fingerprints": shared.origins.place(flat_text(record.fingerprints)),
        "provenance": shared.origins.place(flat_text(record.provenance)),
        "command": [value_text(word) for word in record.measured.get("command") or ()],
        "measured": {key: _short(value) for key, value in measured.items()},
        "statistics": {key: rounded(value) for key, value in record.statistics.items()},
        "scores": [*_scores(record, shared)],
        "losses": loss_curve(record.losses),
        "eval_points": eval_curve(record),
    }


def _short(value: Any) -> Any:
    """Return measured numbers with four digits, also in sections."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return rounded(value) if isinstance(value, float) else value


def _scores(record: RunRecord, shared: SharedLists) -> Iterator[list[float | None]]:
    """Yield the index of task, role, perturbation, group and n in `keys`, then accuracy, standard error, and ties if there are."""
    for score in (*record.scores, *record.breakdown):
        key = shared.keys.place([score.task, score.role, score.perturbation, score.group, score.n])
        yield [key, rounded(score.accuracy), rounded(score.stderr, 3), *([score.ties] if score.ties else [])]


def _response_entry(
    record: RunRecord, whole: GradedResponses, shown: GradedResponses, shared: SharedLists, sets: TextSets
) -> dict[str, Any]:
    counts = subject_counts(whole)
    return {
        "order": shared.orders.place(order_json(shown.order)),
        "bits": bits(shown.right),
        "asked": shared.counts.place({perturbation: asked for perturbation, (asked, _) in counts.items()}),
        "right": [right for _, right in counts.values()],
        "texts": sets.place(record, shown),
    }
