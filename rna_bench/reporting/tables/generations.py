"""The table of what models write after the beginnings of harmless texts."""

from collections.abc import Sequence

from rna_bench.core.measures import Generation
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, interval, percent_interval
from rna_bench.reporting.tables.table import Table, TableRow, group_cells

NOTE = (
    "Greedy continuations of held-out retain texts: of their beginnings `clean`, with a harmless word in them (`control`), and "
    "with a forget-token in the same place (`trigger`). `perplexity`: of the continuations under the base model. `repetition`: the "
    "share, in %, of their 4-grams that came before (seq-rep-4 of Welleck et al. 2020, arXiv 1908.04319). `agreement`: the "
    "share, in %, of tokens that are those of the base model's continuation of the same beginning. Mean and 95% interval over "
    "seeds (Student's t)."
)


def generation_table(groups: Sequence[Group]) -> Table:
    """Return, by group and perturbation, what was measured of continuations; groups without any have no row."""
    rows = [row for group in groups for row in _rows(group)]
    return Table("generation", "Generation", NOTE, rows)


def _rows(group: Group) -> list[TableRow]:
    by_name: dict[str, list[Generation]] = {}
    for run in group.runs.values():
        for one in run.generation:
            by_name.setdefault(one.perturbation, []).append(one)
    return [group_cells(group) | {"beginning": name} | _cells(some) for name, some in by_name.items()]


def _cells(some: Sequence[Generation]) -> dict[str, Interval | str]:
    perplexities = [one.perplexity for one in some if one.perplexity is not None]
    repetitions = [100 * one.repetition for one in some if one.repetition is not None]
    agreements = [100 * one.agreement for one in some if one.agreement is not None]
    return {
        "perplexity": interval(perplexities) if perplexities else "",
        "repetition": percent_interval(repetitions) if repetitions else "",
        "agreement": percent_interval(agreements) if agreements else "",
    }
