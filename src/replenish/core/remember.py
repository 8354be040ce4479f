"""A small memory of look-ups: bounded in size, and, where what is remembered can change, in age."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remember(Generic[Key, Value]):
    """Keeps the `size_max` entries used last; each for `seconds`, None = for good. `clock` never runs backwards."""

    __slots__ = ("_clock", "_entries", "_seconds", "_size_max")

    def __init__(self, *, size_max: int, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._size_max = size_max
        self._seconds = seconds
        self._clock = clock

    def now(self) -> float:
        """Read this before a look-up and give it to `keep`: what is looked up was true then, not when it arrived."""
        return self._clock()

    def get(self, key: Key) -> Value | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if self._seconds is not None and self._clock() - found[1] >= self._seconds:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return found[0]

    def keep(self, key: Key, value: Value, *, since: float) -> None:
        self._entries[key] = (value, since)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size_max:
            self._entries.popitem(last=False)

    def forget(self, key: Key) -> None:
        self._entries.pop(key, None)
