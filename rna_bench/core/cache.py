"""A cache of the values used last, so that the runs of one process that share a value compute it once."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, least recently used out first, up to a total size of `capacity`; the last one stays whatever its size.

    Values must not be changed. The cache does not notice when what they were computed from changes: call `clear` then.
    """

    def __init__(self, capacity: int, size: Callable[[T], int]) -> None:
        self._capacity, self._size = capacity, size
        self._entries: dict[str, tuple[T, int]] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of a key, calling `make` if it is not cached."""
        entry = self._entries.pop(key, None)
        if entry is None:
            value = make()
            entry = value, self._size(value)
        self._entries[key] = entry  # the most recent is the last
        while len(self._entries) > 1 and sum(size for _, size in self._entries.values()) > self._capacity:
            del self._entries[next(iter(self._entries))]
        return entry[0]

    def clear(self) -> None:
        """Drop all values."""
        self._entries.clear()
