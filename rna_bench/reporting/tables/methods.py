"""The first table: which method to use."""

from collections.abc import Sequence

from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds
from rna_bench.reporting.statistics.scores import forget_accuracy, retain_accuracy
from rna_bench.reporting.statistics.standing import RULE, Standing, standings
from rna_bench.reporting.tables.table import Table, TableRow, group_cells

NAME, TITLE = "methods", "Which method should I use?"


def methods_table(groups: Sequence[Group]) -> Table:
    """Return a row for each method, the best first by the rule in the note."""
    return Table(NAME, TITLE, RULE, [_row(one) for one in standings(groups)])


def _row(one: Standing) -> TableRow:
    group = one.group
    cells = group_cells(group)
    with_noise = cells.pop("noise")
    if group.scale != 0:
        cells["method"] = f"{group.method}, noise {with_noise}"
    return cells | {
        "forgets, retains": one.fit.value,
        "worst drop": one.drop,
        "under": one.worst.trigger,
        **_noise(one),
        "forget": accuracy_over_seeds(group, forget_accuracy, "forget") if group.forgets else "",
        "retain": accuracy_over_seeds(group, retain_accuracy),
    }


def _noise(one: Standing) -> TableRow:
    if one.gain:
        return {"noise": one.gain.noise, "gain": one.gain.points or "", "shown": one.gain.verdict.value}
    if one.group.scale != 0:
        return {"noise": "no run without noise", "gain": "", "shown": ""}
    tried = f"none of {', '.join(one.tried_noise)}" if one.tried_noise else "not run"
    return {"noise": tried, "gain": "", "shown": ""}
