"""The space of a search: a range of numbers, or a list of values, for each key that it chooses."""

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rna_bench.core.types import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Dimension(Protocol):
    """The values that a key may have. `probes` are checked before a search begins; they include the extremes."""

    @property
    def key(self) -> str: ...
    @property
    def probes(self) -> list[Any]: ...
    def distribution(self) -> "BaseDistribution": ...


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, inclusive; `log` draws their logarithms uniformly, `whole` draws whole numbers only."""

    key: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        name = f"search.space ({self.key})"
        if not -math.inf < self.low <= self.high < math.inf:
            raise InputError(name, f"{self.low:g} to {self.high:g}", "is no range; give a high that is not below low")
        if self.log and not self.low > 0:
            raise InputError(name, f"{self.low:g}", "has no logarithm; give a low above 0, or log: false")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise InputError(name, f"{self.low:g} to {self.high:g}", "are not whole; give whole numbers, or whole: false")

    @property
    def probes(self) -> list[float] | list[int]:
        """Both ends."""
        return [int(self.low), int(self.high)] if self.whole else [self.low, self.high]

    def distribution(self) -> "BaseDistribution":
        """Return the range as a distribution of Optuna's."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choices:
    """Values without an order, for instance options of a group."""

    key: str
    choices: list[Any]

    def __post_init__(self) -> None:
        plain = all(value is None or isinstance(value, bool | int | float | str) for value in self.choices)
        if not self.choices or not plain:
            raise InputError(f"search.space ({self.key})", self.choices, "give a list of numbers, words or true and false")

    @property
    def probes(self) -> list[Any]:
        """All values."""
        return self.choices

    def distribution(self) -> "BaseDistribution":
        """Return the values as a distribution of Optuna's."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)


def override(dimension: Dimension, value: Any) -> str:
    """Return the KEY=VALUE word that gives the key that value; JSON writes numbers with all of their digits."""
    return f"{dimension.key}={json.dumps(value)}"
