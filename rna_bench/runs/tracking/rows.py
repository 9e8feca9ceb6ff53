"""Which rows of a run a tracker already has from an interrupted session."""

from dataclasses import dataclass, field
from typing import Any

from rna_bench.runs.tracking.protocol import Values


@dataclass
class Rows:
    """Counts the rows that a run logs. The tracker has the first `sent` rows already: a run logs the same rows in the same order.

    `latest` has the last values that only those rows contain, which a summary of the other rows would lack.
    """

    sent: int
    count: int = 0
    latest: dict[str, Any] = field(default_factory=dict)

    def new(self, values: Values) -> int | None:
        """Return the number of the next row, or None if the tracker has it."""
        number = self.count
        self.count += 1
        if number < self.sent:
            self.latest |= values
            return None
        self.latest = {name: value for name, value in self.latest.items() if name not in values}
        return number
