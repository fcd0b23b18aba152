"""Something that can be gone through more than once without being held in memory.

In: a function that starts anew. Out: an iterable. Its own file because lines, cells and records are all read so:
once to learn how the file is written, once more to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item", covariant=True)


@dataclass(frozen=True, slots=True)
class Again(Generic[Item]):
    """Starts from the beginning each time it is iterated.

    >>> twice = Again(lambda: iter([1, 2]))
    >>> [*twice, *twice]
    [1, 2, 1, 2]
    """

    start: Callable[[], Iterator[Item]]

    def __iter__(self) -> Iterator[Item]:
        return self.start()
