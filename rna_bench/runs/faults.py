"""What makes a record unusable for tables, figures and the page, though it has the form of one."""

from collections.abc import Iterator, Mapping

from rna_bench.core.types import RunRecord, Score


def fault(record: RunRecord) -> str:
    """Return why a record cannot be shown beside others; "" for one that can."""
    return next(_faults(record), "")


def _faults(record: RunRecord) -> Iterator[str]:
    model, seed = record.config.get("model"), record.config.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool):
        yield f"its seed is {seed!r}, not a whole number"
    if not isinstance(model, Mapping) or "dtype" not in model:
        yield "its config lacks model.dtype"
    for section in ("method", "noise"):
        if not isinstance(record.config.get(section, {}), Mapping | None):
            yield f"its config's {section} is no section"
    if "model" not in record.fingerprints:
        yield "it lacks the fingerprint of its model"
    for score in (*record.scores, *record.breakdown, *(score for point in record.eval_points for score in point.scores)):
        if not _possible(score):
            yield f"{score.task}, {score.perturbation}: accuracy {score.accuracy} on {score.n} questions is not possible"


def _possible(score: Score) -> bool:
    return score.n > 0 and 0 <= score.accuracy <= 1
