"""Which rows of a run's history a tracker has already, from a session that was interrupted."""

from dataclasses import dataclass, field
from typing import Any

from rna_bench.runs.tracking.protocol import Values


@dataclass
class Rows:
    """Counts what is told, one row a call. The first `known` rows are at the tracker: the same run tells the same, in order.

    `latest` has what those rows alone told last, which a summary made from the others would lack.
    """

    known: int
    count: int = 0
    latest: dict[str, Any] = field(default_factory=dict)

    def new(self, values: Values) -> int | None:
        """Return the number of the next row, or None of one that the tracker has."""
        number = self.count
        self.count += 1
        if number < self.known:
            self.latest |= values
            return None
        self.latest = {name: value for name, value in self.latest.items() if name not in values}
        return number
