"""Tables that hold each group with noise against its twin without: tests, corrected for their number, and how much comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.answers import Sheet
from rna_bench.reporting.statistics.bootstrap import Span, recoveries
from rna_bench.reporting.statistics.evidence import FORGET, RETAIN, TRIGGERS, Evidences, evidences
from rna_bench.reporting.statistics.frame import Group, forget_accuracy, pooled
from rna_bench.reporting.statistics.intervals import interval
from rna_bench.reporting.statistics.pairs import Measure, Pair, final_pairs, forgotten_pairs, matched_pairs, twins
from rna_bench.reporting.statistics.significance import holm, paired_t
from rna_bench.reporting.tables.table import Chance, Row, Table, head

UNDEFINED = "too little lost"
TESTED = (
    "Accuracy with noise less without, in points. `at equal` `steps`: the ends of both runs; `forget loss`: where both "
    "first reach the lowest that both reach; `forget accuracy`: where both first come down to {level:g}%. `difference`: "
    "mean and 95% interval over seeds; `p seeds`: paired t-test; both speak of other seeds. `other questions`: 95% interval "
    "by bootstrap over questions, drawn for all seeds at once; `p questions`: exact test that flips the signs of questions; "
    "both speak of these trained models alone. `Holm`: corrected for the number of `comparisons`, which are those of the "
    "same `at equal`{family}."
)
KINDS = " `McNemar`: in how many seeds the exact test says at 0.05 that noise is better (+) or worse (-), uncorrected."
RECOVERED = (
    "Share of the points lost to triggers that noise brings back, in %: (with noise - without) / (clean without noise - "
    "without). 95% intervals by bootstrap: at equal steps over seeds and questions; at equal forgetting, on the questions "
    "scored along the run, over seeds alone. `triggers`: of the mean over kinds. `too little lost`: the interval of what "
    "triggers cost is not above 0, so that a share of it means nothing."
)


class Side(NamedTuple):
    """What a measure came to in the runs with noise and in their twins without, in percent, seed by seed."""

    noisy: tuple[float, ...]
    plain: tuple[float, ...]

    @property
    def differences(self) -> list[float]:
        return [one - other for one, other in zip(self.noisy, self.plain, strict=True)]


@dataclass(frozen=True)
class Match:
    """A group with noise against its twin: measures by what is equal and by name, and what single questions say at equal steps."""

    group: Group
    kinds: tuple[TriggerType, ...]
    sides: Mapping[str, Mapping[str, Side]]
    questions: Evidences


def comparison_tables(found: Sequence[Group], sheets: Mapping[str, Sheet], level: float) -> list[Table]:
    """Return the tests of all triggers together, those of each measure, and the recovery; forgotten is `level` percent."""
    matches = [_match(group, twin, sheets, level) for group, twin in twins(found)]
    each = TESTED.format(level=level, family=", and of forget, retain, or all kinds of trigger") + KINDS
    brief = [{key: cell for key, cell in row.items() if key not in ("measure", "McNemar")} for row in _tests(matches, [TRIGGERS])]
    single = [FORGET, RETAIN, *(kind.trigger for kind in TriggerType)]
    return [
        Table("tests", "Tests of the noise, under the mean trigger", TESTED.format(level=level, family=""), brief),
        Table("tests_each", "Tests of the noise, each measure", each, _tests(matches, single), long=True),
        Table("recovery", "Recovery", RECOVERED, [row for match in matches for row in _recovery(match)]),
    ]


def _match(group: Group, twin: Group, sheets: Mapping[str, Sheet], level: float) -> Match:
    kinds = tuple(kind for kind in group.kinds if kind in twin.kinds)
    pairs = {
        "steps": final_pairs(group, twin),
        "forget loss": matched_pairs(group, twin),
        "forget accuracy": forgotten_pairs(group, twin, level),
    }
    forgets = group.forgets and twin.forgets
    sides = {equal: _sides(found, kinds, forgets=forgets) for equal, found in pairs.items() if found}
    return Match(group, kinds, sides, evidences(group, twin, kinds, sheets))


def _sides(pairs: Sequence[Pair], kinds: Sequence[TriggerType], *, forgets: bool) -> dict[str, Side]:
    """Return the measures by name; each is taken once a run, as that is what takes the time."""
    measures: dict[str, Measure] = {FORGET: forget_accuracy} if forgets else {}
    if kinds:
        measures |= {
            perturbation: lambda scores, perturbation=perturbation: pooled(scores, perturbation)
            for perturbation in (CLEAN, *(kind.trigger for kind in kinds))
        }
    sides = {
        name: Side(tuple(pair.noisy(measure) for pair in pairs), tuple(pair.plain(measure) for pair in pairs))
        for name, measure in measures.items()
    }
    if kinds:
        every = [sides[kind.trigger] for kind in kinds]
        sides[TRIGGERS] = Side(_mean([side.noisy for side in every]), _mean([side.plain for side in every]))
        sides[RETAIN] = sides.pop(CLEAN)
    return sides


def _mean(of: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(of) for values in zip(*of, strict=True))


def _tests(matches: Sequence[Match], measures: Sequence[str]) -> list[Row]:
    """Return a row for each measure and for each way of being equal, with p-values corrected within their families."""
    rows: list[Row] = []
    families: dict[tuple[str, str], list[Row]] = {}
    for match, name in product(matches, measures):
        for equal, sides in match.sides.items():
            if name in sides:
                rows.append(_test(match, name, equal, sides[name]))
                families.setdefault((equal, name if name in (FORGET, RETAIN) else TRIGGERS), []).append(rows[-1])
    for family in families.values():
        for p in ("p seeds", "p questions"):
            _correct([row for row in family if isinstance(row[p], Chance)], p)
    return rows


def _correct(family: Sequence[Row], p: str) -> None:
    """Fill in the corrected p-values and their number."""
    values = [cell.p for row in family if isinstance(cell := row[p], Chance)]
    for row, corrected in zip(family, holm(values), strict=True):
        row[f"Holm {p[2:]}"] = Chance(corrected)
        row["comparisons"] = row["comparisons"] or str(len(family))


def _test(match: Match, name: str, equal: str, side: Side) -> Row:
    p = paired_t(side.differences)
    evidence = match.questions.by_measure.get(name) if equal == "steps" else None
    return head(match.group) | {
        "at equal": equal,
        "measure": name,
        "difference": interval(side.differences),
        "p seeds": "" if p is None else Chance(p),
        "Holm seeds": "",
        "other questions": evidence.difference if evidence else "",
        "p questions": Chance(evidence.p) if evidence else "",
        "Holm questions": "",
        "McNemar": f"+{evidence.better} -{evidence.worse}" if evidence else "",
        "comparisons": "",
    }


def _recovery(match: Match) -> list[Row]:
    rows: list[Row] = []
    for equal, sides in match.sides.items():
        found = match.questions.recovery if equal == "steps" else _matched_recovery(match.kinds, sides)
        if found:
            rows.append(head(match.group) | {"at equal": equal} | {name: span or UNDEFINED for name, span in found.items()})
    return rows


def _matched_recovery(kinds: Sequence[TriggerType], sides: Mapping[str, Side]) -> dict[str, Span | None]:
    """Return recovery over seeds alone, as if each had one question; nothing of one seed, which has no interval."""
    if not kinds or len(sides[RETAIN].plain) < 2:
        return {}
    names = [*(kind.trigger for kind in kinds), TRIGGERS]
    noisy = numpy.array([sides[name].noisy for name in names])
    plain = numpy.array([sides[name].plain for name in names])
    whole = numpy.array(sides[RETAIN].plain)
    return dict(zip(names, recoveries(noisy[..., None], plain[..., None], whole[..., None]), strict=True))
