"""Tables of each group with noise against its no-noise baseline: significance tests, and the recovery rate."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.evidence import FORGET, RETAIN, TRIGGERS, Evidences, evidences
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, difference_interval
from rna_bench.reporting.statistics.pairs import Pair, baseline_pairs, final_pairs, forgotten_pairs, matched_pairs
from rna_bench.reporting.statistics.recovery import TIMES, over_seeds_alone
from rna_bench.reporting.statistics.responses import ResponseMatrix
from rna_bench.reporting.statistics.scores import Measure, forget_accuracy, less, question_count, retain_accuracy
from rna_bench.reporting.statistics.significance import ALL_EQUAL, holm, paired_t
from rna_bench.reporting.tables.table import Chance, Table, TableRow, group_cells

TESTED = (
    "Accuracy with noise less without, in points. `at equal` `steps`: the ends of both runs; `forget loss`: where both "
    "first reach the lowest that both reach; `forget accuracy`: where both first come down to {level:g}%. `difference`: "
    "mean and 95% interval over seeds; `p seeds`: paired t-test; both generalise to other seeds. `other questions`: 95% "
    "interval by bootstrap over questions, drawn for all seeds at once; `p questions`: exact test that flips the signs of "
    "questions; both generalise to other questions for these trained models alone. `Holm`: corrected for the number of "
    "`comparisons`, which are those of the same `at equal`{family}. `why no p`: one seed, or differences that are equal in all "
    "seeds, allow no t-test; the latter count as comparisons."
)
MCNEMAR = " `McNemar`: in how many seeds the exact test says at 0.05 that noise is better (+) or worse (-), uncorrected."
RECOVERED = (
    "Recovery rate: the percentage of the trigger-induced drop that noise recovers, (with noise - without) / (clean without "
    "noise - without). 95% intervals by Fieller's method: at equal steps over seeds and questions; at equal forgetting, on the "
    "questions scored along the run, over seeds alone; `(q)`: of one seed, over questions alone. `triggers`: of perturbed "
    f"accuracy, the mean over trigger types. `drop too small for its spread`: the drop is not {TIMES} times the half width of its "
    "interval, which stands there, so that a percentage of it would be meaningless."
)


class PairedValues(NamedTuple):
    """A measure's values in the runs with noise and in their no-noise baselines, in percent, seed by seed, and its questions."""

    noisy: tuple[float, ...]
    plain: tuple[float, ...]
    questions: int

    @property
    def differences(self) -> list[float]:
        """The noisy runs' values less the baselines'."""
        return [less(one, other) for one, other in zip(self.noisy, self.plain, strict=True)]


@dataclass(frozen=True)
class Match:
    """A group with noise against its baseline: `sides` by what is equal and by measure, and evidence by question at equal steps."""

    group: Group
    trigger_types: tuple[TriggerType, ...]
    sides: Mapping[str, Mapping[str, PairedValues]]
    questions: Evidences


def comparison_tables(groups: Sequence[Group], matrices: Mapping[str, ResponseMatrix], level: float) -> list[Table]:
    """Return the tests of perturbed accuracy, those of each measure, and the recovery; `level` percent counts as forgotten."""
    matches = [_match(group, baseline, matrices, level) for group, baseline in baseline_pairs(groups)]
    each = TESTED.format(level=level, family=", and of forget, retain, or all trigger types") + MCNEMAR
    brief = [{key: cell for key, cell in row.items() if key not in ("measure", "McNemar")} for row in _tests(matches, [TRIGGERS])]
    single = [FORGET, RETAIN, *(one.trigger for one in TriggerType)]
    return [
        Table("tests", "Tests of the noise, on perturbed accuracy", TESTED.format(level=level, family=""), brief),
        Table("tests_each", "Tests of the noise, each measure", each, _tests(matches, single), long=True),
        Table("recovery", "Recovery", RECOVERED, [row for match in matches for row in _recovery(match)]),
    ]


def _match(group: Group, baseline: Group, matrices: Mapping[str, ResponseMatrix], level: float) -> Match:
    shared = tuple(one for one in group.trigger_types if one in baseline.trigger_types)
    pairs = {
        "steps": final_pairs(group, baseline),
        "forget loss": matched_pairs(group, baseline),
        "forget accuracy": forgotten_pairs(group, baseline, level),
    }
    forgets = group.forgets and baseline.forgets
    sides = {equal: _sides(here, shared, forgets=forgets) for equal, here in pairs.items() if here}
    return Match(group, shared, sides, evidences(group, baseline, shared, matrices))


def _sides(pairs: Sequence[Pair], trigger_types: Sequence[TriggerType], *, forgets: bool) -> dict[str, PairedValues]:
    """Return the sides by measure; each measure is taken once a run, because that is what takes the time."""
    measures: dict[str, Measure] = {FORGET: forget_accuracy} if forgets else {}
    if trigger_types:
        measures |= {
            perturbation: lambda scores, perturbation=perturbation: retain_accuracy(scores, perturbation)
            for perturbation in (CLEAN, *(one.trigger for one in trigger_types))
        }
    sides = {
        name: side for name, measure in measures.items() if (side := _side(pairs, measure, FORGET if name == FORGET else RETAIN))
    }
    every = [sides[one.trigger] for one in trigger_types if one.trigger in sides]
    if every and len(every) == len(trigger_types):
        mean = PairedValues(_mean([side.noisy for side in every]), _mean([side.plain for side in every]), every[0].questions)
        sides[TRIGGERS] = mean
    return {RETAIN if name == CLEAN else name: side for name, side in sides.items()}


def _side(pairs: Sequence[Pair], measure: Measure, role: str) -> PairedValues | None:
    """Return a measure's values; None where one of the runs was not asked such questions."""
    noisy, plain = (tuple(side(measure) for side in sides) for sides in zip(*pairs, strict=True))
    if any(map(math.isnan, (*noisy, *plain))):
        return None
    return PairedValues(
        noisy, plain, round(min(side(lambda scores: question_count(scores, role)) for pair in pairs for side in pair))
    )


def _mean(of: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(of) for values in zip(*of, strict=True))


def _tests(matches: Sequence[Match], measures: Sequence[str]) -> list[TableRow]:
    """Return a row for each measure and for each way of being equal, with p-values corrected within their families."""
    rows: list[TableRow] = []
    families: dict[tuple[str, str], list[TableRow]] = {}
    for match, name in product(matches, measures):
        for equal, sides in match.sides.items():
            if name in sides:
                rows.append(_test(match, name, equal, sides[name]))
                families.setdefault((equal, name if name in (FORGET, RETAIN) else TRIGGERS), []).append(rows[-1])
    for family in families.values():
        for p in ("p seeds", "p questions"):
            _correct([row for row in family if _compared(row, p)], p)
    return rows


def _correct(family: Sequence[TableRow], p: str) -> None:
    """Fill in the corrected p-values and the number of comparisons."""
    values = [cell.p if isinstance(cell := row[p], Chance) else 1.0 for row in family]
    for row, corrected in zip(family, holm(values), strict=True):
        row[f"Holm {p[2:]}"] = Chance(corrected) if isinstance(row[p], Chance) else ""
        row["comparisons"] = row["comparisons"] or str(len(family))


def _compared(row: TableRow, p: str) -> bool:
    """Return whether a row counts as a comparison: it has a p, or would have one if its differences varied over seeds."""
    return isinstance(row[p], Chance) or (p == "p seeds" and row.get("why no p") == ALL_EQUAL)


def _test(match: Match, name: str, equal: str, side: PairedValues) -> TableRow:
    p, reason = paired_t(side.differences)
    evidence = match.questions.by_measure.get(name) if equal == "steps" else None
    cells: TableRow = {
        "at equal": equal,
        "measure": name,
        "difference": difference_interval(side.noisy, side.plain, side.questions),
        "p seeds": "" if p is None else Chance(p),
        "Holm seeds": "",
        "other questions": evidence.difference if evidence else "",
        "p questions": Chance(evidence.p) if evidence else "",
        "Holm questions": "",
        "McNemar": f"+{evidence.better} -{evidence.worse}" if evidence else "",
        "comparisons": "",
    }
    return group_cells(match.group) | cells | ({"why no p": reason} if reason else {})


def _recovery(match: Match) -> list[TableRow]:
    rows: list[TableRow] = []
    for equal, sides in match.sides.items():
        rates = match.questions.recovery if equal == "steps" else _matched_recovery(match.trigger_types, sides)
        if rates:
            rows.append({**group_cells(match.group), "at equal": equal, **rates})
    return rows


def _matched_recovery(trigger_types: Sequence[TriggerType], sides: Mapping[str, PairedValues]) -> dict[str, Interval | str]:
    """Return recovery rates over seeds alone; none of a single seed, which has no interval."""
    names = [*(one.trigger for one in trigger_types), TRIGGERS]
    if not trigger_types or not all(name in sides for name in (*names, RETAIN)) or len(sides[RETAIN].plain) < 2:
        return {}
    noisy, plain = numpy.array([[sides[name].noisy, sides[name].plain] for name in names]).swapaxes(0, 1)
    return dict(zip(names, over_seeds_alone(noisy, plain, numpy.array(sides[RETAIN].plain)), strict=True))
