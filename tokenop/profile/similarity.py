"""How alike prompts are, without a model to download: hashed runs of characters, weighted by how rare they are.

It sees wording, not meaning: two prompts that say the same in other words count as different. So its hit rates are a
careful floor for a semantic cache with a neural embedding, and cost nothing to find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTE = (
    "Alike in wording: hashed character runs, no model. A neural embedding finds more; take the hit shares as a floor."
)

_BITS = 10
DIMENSIONS = 1 << _BITS
RUNS = (4, 7)
HEAD, TAIL = 2_000, 6_000
"""Of a longer prompt, so many characters of its beginning and of its end are compared."""

THRESHOLDS = (0.80, 0.85, 0.90, 0.92, 0.95, 0.97, 0.99)
MOST_GROUPS = 24
SEED = 20260901

_STEPS = 25
_FACTOR = 0x9E3779B97F4A7C15


def vectors(prompts: list[str]) -> NDArray[Any]:
    """Return one row of length 1 a prompt, float32, shape (prompts, DIMENSIONS). Shorten long prompts before."""
    import numpy as np

    counted = np.zeros((len(prompts), DIMENSIONS), dtype=np.float32)
    for row, prompt in enumerate(prompts):
        counted[row] = _counts(prompt)
    counted = np.log1p(counted)
    seen = (counted > 0).sum(axis=0)
    counted *= np.log((1 + len(prompts)) / (1 + seen)).astype(np.float32) + np.float32(0.05)
    lengths = np.sqrt((counted * counted).sum(axis=1, keepdims=True))
    return np.asarray(counted / np.maximum(lengths, np.float32(1e-12)))


def _counts(prompt: str) -> NDArray[Any]:
    import numpy as np

    text = " ".join(prompt.lower().split())
    data = np.frombuffer(f" {text} ".encode("utf-8", "replace"), dtype=np.uint8).astype(np.uint64)
    total = np.zeros(DIMENSIONS, dtype=np.int64)
    for run in RUNS:
        if len(data) < run:
            continue
        mixed = np.zeros(len(data) - run + 1, dtype=np.uint64)
        for offset in range(run):
            mixed = mixed * np.uint64(0x100000001B3) + data[offset : offset + len(mixed)]
        place = (mixed * np.uint64(_FACTOR)) >> np.uint64(64 - _BITS)
        total += np.bincount(place.astype(np.int64), minlength=DIMENSIONS)
    return total


def groups(matrix: NDArray[Any]) -> list[list[int]]:
    """Return groups of alike rows as row numbers, the most typical first: spherical k-means with a fixed seed."""
    import numpy as np

    count = len(matrix)
    wanted = int(min(MOST_GROUPS, max(1, round((count / 2) ** 0.5))))
    centres = _spread_out(matrix, wanted)
    nearest = np.full(count, -1)
    for _ in range(_STEPS):
        before, nearest = nearest, np.asarray((matrix @ centres.T).argmax(axis=1))
        if (before == nearest).all():
            break
        for group in range(len(centres)):
            members = matrix[nearest == group]
            if len(members):
                middle = members.sum(axis=0, dtype=np.float64)
                centres[group] = middle / max(float(np.sqrt((middle * middle).sum())), 1e-12)
    found = []
    for group in range(len(centres)):
        members = np.flatnonzero(nearest == group)
        if len(members):
            closeness = np.round(matrix[members] @ centres[group], 5)
            found.append([int(members[index]) for index in np.lexsort((members, -closeness))])
    return found


def _spread_out(matrix: NDArray[Any], wanted: int) -> NDArray[Any]:
    """Return first centres far from each other (k-means++), fewer than wanted where rows are equal."""
    import random

    import numpy as np

    draw = random.Random(SEED)  # noqa: S311 a seeded choice, not a secret
    chosen = [int(draw.random() * len(matrix))]
    distance = 1 - matrix @ matrix[chosen[0]]
    while len(chosen) < wanted:
        weights = np.cumsum(np.maximum(distance, 0).astype(np.float64) ** 2)
        if weights[-1] < 1e-9:
            break
        chosen.append(int(np.searchsorted(weights, draw.random() * weights[-1], side="right")))
        distance = np.minimum(distance, 1 - matrix @ matrix[chosen[-1]])
    return matrix[chosen].copy()


def nearest_earlier(owners: list[str], matrix: NDArray[Any]) -> NDArray[Any]:
    """Return for each row the similarity to the nearest earlier row of the same owner; -1 for the first.

    Rows are in order of time; a cache never answers one owner with another's answer.
    """
    import numpy as np

    nearest = np.full(len(matrix), -1.0)
    places = np.array(owners)
    for owner in sorted(set(owners)):
        rows = np.flatnonzero(places == owner)
        mine = matrix[rows]
        for start in range(0, len(rows), 512):
            block = mine[start : start + 512] @ mine[: start + 512].T
            later = np.arange(block.shape[1])[None, :] >= (start + np.arange(block.shape[0]))[:, None]
            block[later] = -1
            nearest[rows[start : start + 512]] = block.max(axis=1)
    return nearest


def thresholds(nearest: NDArray[Any]) -> dict[str, float]:
    """Return for each threshold the share of rows at least as near to an earlier one."""
    # Equal prompts differ from 1 by rounding only; a ten-thousandth is nothing to a cache.
    return {f"{level:.2f}": round(float((nearest >= level - 1e-4).mean()), 6) for level in THRESHOLDS}
