"""Turning a question into a vector: the embedder that needs nothing, and what each must be able to do."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

# Of words like these a question may hold more or fewer and be the same.
_SMALL_WORDS = """
a an and are as at be by can could do does for had has have hello hey hi how i in is it me my of on or please so tell
thanks that the there this to was we what will with would you your
bitte das dem den der des die ein eine einen einer für ich ist mir mit und von was wie
"""
_SMALL = frozenset(_SMALL_WORDS.split())
_WORD = re.compile(r"[^\W_]+")
_FEW, _PAIRS, _PIECES = 0.25, 0.5, 0.35


class Embedder(Protocol):
    """Gives vectors of length 1. `space` names all that decides what they are; `floor` is the least likeness of use."""

    space: str
    floor: float

    async def embed(self, text: str) -> Vector | None:
        """Return the vector of a text, float32; None where there is none. Never raises, and waits for a short time."""
        ...

    async def close(self) -> None:
        """Give back what is open."""
        ...


class Hashed:
    """Counts words, pairs of neighbours and pieces of words, each in a place given by its hash.

    It knows no meaning: it finds what is put in almost the same words, in another order, case or inflection.
    """

    DIMENSIONS = 384
    space = "hashed-1-384"
    floor = 0.75

    async def embed(self, text: str) -> Vector | None:
        """Return the vector of a text; None where it holds no word."""
        return self.vector(text)

    async def close(self) -> None:
        """Do nothing."""

    def vector(self, text: str) -> Vector | None:
        """Return the same at once."""
        import numpy as np

        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        telling = [word for word in words if word not in _SMALL]
        if not words:
            return None
        hashes = [crc32(word.encode()) for word in words]
        weights = [_FEW if word in _SMALL else 1.0 for word in words]
        pairs = [crc32(f"{one} {two}".encode()) for one, two in pairwise(telling)]
        line = np.frombuffer(f" {' '.join(telling or words)} ".encode(), np.uint8).astype(np.uint32)
        pieces = _pieces(line)
        code = np.concatenate((np.array(hashes + pairs, np.uint32), pieces))
        # The crc of a short word leaves its upper bits as they are: mixed, all bits are as good.
        code = (code ^ (code >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
        code ^= code >> np.uint32(12)
        weight = np.full(len(code), _PIECES)
        weight[: len(hashes) + len(pairs)] = weights + [_PAIRS] * len(pairs)
        weight *= 1.0 - 2.0 * (code >> np.uint32(31))
        sums = np.bincount(code % np.uint32(self.DIMENSIONS), weight, self.DIMENSIONS)
        length = float(np.sqrt(sums @ sums))
        return (sums / length).astype(np.float32) if length else None


def _pieces(line: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a hash of each piece of four bytes of a line."""
    import numpy as np

    if len(line) < 4:
        return np.empty(0, np.uint32)
    mixed = line[:-3] * np.uint32(0x9E3779B1) + line[1:-2] * np.uint32(0x85EBCA77)
    mixed += line[2:-1] * np.uint32(0xC2B2AE3D) + line[3:] * np.uint32(0x27D4EB2F)
    return mixed


def packed(vector: Vector) -> bytes:
    """Return a vector of length 1 in one byte a number, from -127 to 127."""
    import numpy as np

    return np.clip(np.rint(vector * 127), -127, 127).astype(np.int8).tobytes()
