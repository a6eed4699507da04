"""Finding the nearest vectors of a partition: all are compared where they are few, a graph is followed where not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
    Bytes = NDArray[np.int8]

Candidate = tuple[float, bytes]
# Runs a function elsewhere. What it returns is waited for by nobody: it is looked at when it is there.
Elsewhere = Callable[[Callable[[], Any]], "Future[Any]"]

MOST_COMPARED = 1_500
"""Vectors of a partition that are all compared; more go into a graph."""
_LATEST = 3_000
_BESIDE = 256
_AT_ONCE = 4_000
_PIECE = 200
_WANTED = 4
# Many neighbours each and a short walk: more of the nearest are found than with usearch's own numbers (16, 128, 64),
# in less time, for more memory. bench_semantic states what comes of it.
_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION = 32, 128, 32


class Near:
    """The vectors of one space, by partition. For one thread; graphs are built elsewhere."""

    def __init__(self, dimensions: int, elsewhere: Elsewhere) -> None:
        """Take the length of vectors, and who does what takes long."""
        self.dimensions = dimensions
        self.stopped = False
        self._elsewhere = elsewhere
        self._of: dict[bytes, _Few] = {}

    def add(self, partition: bytes, key: bytes, vector: bytes) -> None:
        """Put a packed vector under a key that the partition does not hold."""
        if len(vector) != self.dimensions:
            return
        found = self._of.get(partition)
        if found is None:
            found = self._of[partition] = _Few()
        found.add(key, vector)
        if len(found.keys) > MOST_COMPARED:
            if not isinstance(found, _Many):
                found = self._of[partition] = _Many(found, self)
            found.grow(self._elsewhere)

    def discard(self, partition: bytes, key: bytes) -> None:
        """Take a key out."""
        found = self._of.get(partition)
        if found is not None:
            found.discard(key, self.dimensions)
            if not found:
                del self._of[partition]

    def search(self, partition: bytes, vector: Vector) -> list[Candidate]:
        """Return the nearest of a partition with their likeness (cosine, 1 is the same), the nearest first."""
        found = self._of.get(partition)
        return [] if found is None else found.search(vector, self._elsewhere)


class _Few:
    """Vectors that are all compared, one after the other in `data`."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.data = bytearray()

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: bytes, vector: bytes) -> None:
        self.keys.append(key)
        self.data += vector

    def discard(self, key: bytes, dimensions: int) -> None:
        try:
            at = self.keys.index(key)
        except ValueError:
            return
        last = self.keys.pop()
        if at < len(self.keys):
            self.keys[at] = last
            self.data[at * dimensions : (at + 1) * dimensions] = self.data[-dimensions:]
        del self.data[-dimensions:]

    def search(self, vector: Vector, elsewhere: Elsewhere) -> list[Candidate]:  # noqa: ARG002 nothing takes long
        return self.compared(vector)

    def compared(self, vector: Vector) -> list[Candidate]:
        import numpy as np

        size = len(vector)
        first = max(len(self.keys) - _LATEST, 0)
        rows = np.frombuffer(self.data, np.int8, offset=first * size).reshape(-1, size)
        if not len(rows):
            return []
        likeness = rows.astype(np.float32) @ vector
        likeness /= 127.0
        if len(likeness) <= _WANTED:
            best = np.argsort(-likeness)
        else:
            best = np.argpartition(-likeness, _WANTED)[:_WANTED]
            best = best[np.argsort(-likeness[best])]
        return [(min(float(likeness[row]), 1.0), self.keys[first + row]) for row in best.tolist()]


class _Many(_Few):
    """A graph of most, and the latest beside it, which are compared.

    The graph is never changed while it is searched: another thread takes a copy, adds to it, and it takes its place.
    """

    def __init__(self, few: _Few, near: Near) -> None:
        super().__init__()
        self.keys, self.data = few.keys, few.data
        self._near = near
        self._dimensions = near.dimensions
        self._graph: Any = None
        self._next = 0
        self._at: dict[int, bytes] = {}
        self._where: dict[bytes, int] = {}
        self._gone: set[int] = set()
        self._leaving: set[int] = set()
        self._building: Future[Any] | None = None
        self._moving: list[bytes] = []

    def __len__(self) -> int:
        return len(self.keys) + len(self._where)

    def discard(self, key: bytes, dimensions: int) -> None:
        at = self._where.pop(key, None)
        if at is None:
            super().discard(key, dimensions)
        else:
            del self._at[at]
            self._gone.add(at)

    def search(self, vector: Vector, elsewhere: Elsewhere) -> list[Candidate]:
        import numpy as np

        self.grow(elsewhere)
        found = self.compared(vector)
        if self._graph is not None:
            asked = np.rint(vector * 127).astype(np.int8)
            matches = self._graph.search(asked, _WANTED + min(len(self._gone), 2 * _WANTED))
            for at, distance in zip(matches.keys.tolist(), matches.distances.tolist(), strict=True):
                key = self._at.get(at)
                if key is not None:
                    found.append((min(1.0 - distance, 1.0), key))
            found.sort(reverse=True)
        return found[:_WANTED]

    def grow(self, elsewhere: Elsewhere) -> None:
        """Begin to move what is compared into the graph where it is much; take what was moved."""
        if self._building is not None:
            if self._building.done():
                self._take()
        elif len(self.keys) > max(_BESIDE, len(self._where) // _BESIDE):
            self._moving = self.keys[:_AT_ONCE]
            rows = bytes(self.data[: len(self._moving) * self._dimensions])
            self._leaving = set(self._gone)
            graph, gone, first, near = self._graph, self._leaving, self._next, self._near
            self._building = elsewhere(lambda: _grown(graph, gone, rows, first, near))

    def _take(self) -> None:
        assert self._building is not None
        building, self._building = self._building, None
        if building.cancelled() or building.exception() is not None:
            return
        self._graph = building.result()
        self._gone -= self._leaving
        still = set(self.keys)
        for at, key in enumerate(self._moving, self._next):
            if key in still:
                self._where[key], self._at[at] = at, key
            else:  # it went meanwhile, and is in the graph all the same
                self._gone.add(at)
        self._next += len(self._moving)
        moved = set(self._moving)
        left = [at for at, key in enumerate(self.keys) if key not in moved]
        size = self._dimensions
        self.data = bytearray(b"".join(self.data[at * size : (at + 1) * size] for at in left))
        self.keys = [self.keys[at] for at in left]
        self._moving = []


def _grown(graph: Any, gone: set[int], rows: bytes, first: int, near: Near) -> Any:
    """Return a copy of a graph with `rows` in it, from place `first` on."""
    import numpy as np
    from usearch.index import Index

    size = near.dimensions
    vectors = np.frombuffer(rows, np.int8).reshape(-1, size)
    if graph is None:
        grown = Index(
            ndim=size,
            metric="cos",
            dtype="i8",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION,
        )
    else:
        grown = graph.copy()
        if gone:
            grown.remove(np.fromiter(gone, np.uint64))
    for at in range(0, len(vectors), _PIECE):
        if near.stopped:
            break  # nobody will look at it
        piece = vectors[at : at + _PIECE]
        grown.add(np.arange(first + at, first + at + len(piece), dtype=np.uint64), piece, threads=1)
    return grown
