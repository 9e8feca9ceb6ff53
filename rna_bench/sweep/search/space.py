"""What a search may choose from: a range of numbers, or a list of values, for a key of the configuration."""

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rna_bench.core.types import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Dimension(Protocol):
    """Values for a key. `probes` are those to check before a search begins, its ends among them."""

    @property
    def key(self) -> str: ...
    @property
    def probes(self) -> list[Any]: ...
    def distribution(self) -> "BaseDistribution": ...


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both among them; `log` draws their logarithms evenly, `whole` takes whole numbers alone."""

    key: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        name = f"search.space ({self.key})"
        if not -math.inf < self.low <= self.high < math.inf:
            raise InputError(name, f"{self.low:g} to {self.high:g}", "is no range; give low and a high that is not below it")
        if self.log and not self.low > 0:
            raise InputError(name, f"{self.low:g}", "has no logarithm; give a low above 0, or log: false")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise InputError(name, f"{self.low:g} to {self.high:g}", "are not whole; give whole numbers, or whole: false")

    @property
    def probes(self) -> list[float] | list[int]:
        """The ends."""
        return [int(self.low), int(self.high)] if self.whole else [self.low, self.high]

    def distribution(self) -> "BaseDistribution":
        """Return the range as Optuna has it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choices:
    """Values without an order: options of a group, say."""

    key: str
    choices: list[Any]

    def __post_init__(self) -> None:
        plain = all(value is None or isinstance(value, bool | int | float | str) for value in self.choices)
        if not self.choices or not plain:
            raise InputError(f"search.space ({self.key})", self.choices, "give a list of numbers, words or true and false")

    @property
    def probes(self) -> list[Any]:
        """All of them."""
        return self.choices

    def distribution(self) -> "BaseDistribution":
        """Return the values as Optuna has them."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)


def override(dimension: Dimension, value: Any) -> str:
    """Return what gives the key that value on a command line; JSON writes numbers so that none of their digits is lost."""
    return f"{dimension.key}={json.dumps(value)}"
