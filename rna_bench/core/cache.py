"""What was made last, so that the runs of one process that share it make it once."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, those used last, of a size of `room` in all; the very last one is kept whatever its size.

    They are taken to be frozen. Nothing tells that what they were made from has changed: `forget` before it could have.
    """

    def __init__(self, room: int, size: Callable[[T], int]) -> None:
        self._room, self._size = room, size
        self._known: dict[str, tuple[T, int]] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of that key, made now unless it is known."""
        entry = self._known.pop(key, None)
        if entry is None:
            made = make()
            entry = made, self._size(made)
        self._known[key] = entry  # the last now
        while len(self._known) > 1 and sum(size for _, size in self._known.values()) > self._room:
            del self._known[next(iter(self._known))]
        return entry[0]

    def forget(self) -> None:
        """Drop all."""
        self._known.clear()
