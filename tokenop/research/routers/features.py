"""What is known of a prompt before it is sent: hashed n-grams of words and characters, and a few counted facts.

No network, no model, no vocabulary: the same text gives the same features on every machine. Sentence embeddings (from
Ollama or another local model) could stand in their place one day; a file says by `VERSION` what it was trained on.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenop.research.routers.outcomes import Bools, Floats, Ints

VERSION = 1
WORD_BUCKETS = CHARACTER_BUCKETS = 8192
BUCKETS = WORD_BUCKETS + CHARACTER_BUCKETS
LONGEST = 20_000  # characters that are hashed; the facts count all

_CODE = re.compile(r"```|[{};]|\w\(|=>|</|\bdef |\bclass |\bSELECT\b|\bimport ")
_REASONING = re.compile(r"\b(?:why|how|explain|prove|derive|calculate|compare|reason|step by step|because)\b", re.I)
_SIMPLE = re.compile(r"\b(?:classify|extract|translate|summari[sz]e|list|label|rewrite|spell|define)\b", re.I)
_QUESTION = re.compile(r"\b(?:who|what|when|where|which|whose)\b", re.I)
_NEGATION = re.compile(r"\b(?:not|except|never|unless|without|neither|least)\b", re.I)
_WORD = re.compile(r"\w+")
_SIGN = re.compile(r"[^\w\s]")
_SPACE = re.compile(r"\s+")

FACTS = (
    "characters",
    "words",
    "lines",
    "mean word length",
    "share of digits",
    "share of capitals",
    "share of signs",
    "share not ASCII",
    "code marks",
    "words of reasoning",
    "words of simple tasks",
    "question words",
    "negations",
    "question marks",
)
"""The columns of `Features.facts`."""

# Bytes of a run: enough for parts of words, and for a letter of a script that has no spaces between words.
_RUN = 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Sparse rows of (n, BUCKETS): row i holds `values[starts[i]:starts[i + 1]]` in the columns `columns[...]`.

    Values are 1 + log of how often something stands there, with the sign of its hash. `facts` has shape
    (n, len(FACTS)).
    """

    starts: Ints
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    facts: Floats

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.starts) - 1

    @property
    def rows(self) -> Ints:
        """Return the row of each value."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.starts))

    def take(self, rows: Ints | Bools) -> Features:
        """Return the features at the positions `rows`, in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1] - self.starts[rows], lengths)
        return Features(starts, self.columns[inside], self.values[inside], self.facts[rows])

    def weighted(self, weights: Floats) -> Features:
        """Return the features with each column weighed, each row then of length 1."""
        values = self.values * weights.astype(np.float32)[self.columns]
        squares = np.bincount(self.rows, weights=values.astype(np.float64) ** 2, minlength=len(self))
        norms = np.sqrt(np.where(squares > 0, squares, 1.0))
        return Features(self.starts, self.columns, (values / norms[self.rows]).astype(np.float32), self.facts)

    def rarity(self) -> Floats:
        """Return what each column is worth: the fewer rows hold it, the more. Shape (BUCKETS,)."""
        held = np.bincount(self.columns, minlength=BUCKETS)
        return np.asarray(np.log((1 + len(self)) / (1 + held)) + 1)

    def times(self, vector: Floats) -> Floats:
        """Return the product of the sparse rows with a vector of shape (BUCKETS,). Shape (n,)."""
        parts = self.values.astype(np.float64) * vector[self.columns]
        return np.bincount(self.rows, weights=parts, minlength=len(self)).astype(np.float64)


def extract(prompts: Sequence[str]) -> Features:
    """Return the features of each prompt."""
    hashes: dict[str, int] = {}
    columns, values = [], []
    for prompt in prompts:
        cut = _SPACE.sub(" ", prompt[:LONGEST]).strip().lower()
        hashed = np.concatenate([_words(cut, hashes), _characters(cut)])
        found, amounts = _bucketed(hashed[:, 0], hashed[:, 1])
        columns.append(found)
        values.append(amounts)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in columns])]).astype(np.int64)
    return Features(
        starts,
        np.concatenate(columns) if columns else np.empty(0, dtype=np.int32),
        np.concatenate(values) if values else np.empty(0, dtype=np.float32),
        np.array([_facts(prompt) for prompt in prompts], dtype=np.float64).reshape(len(prompts), len(FACTS)),
    )


def _words(text: str, hashes: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return (bucket, sign) of each word and each pair of neighbours. Shape (m, 2)."""
    single = np.array(
        [hashes.setdefault(word, zlib.crc32(word.encode("utf-8", "replace"))) for word in _WORD.findall(text)],
        dtype=np.uint64,
    )
    pairs = single[:-1] * np.uint64(31) + single[1:] + np.uint64(1 << 40)
    return _spread(np.concatenate([single, pairs]), WORD_BUCKETS, 0)


def _characters(text: str) -> npt.NDArray[np.int64]:
    """Return (bucket, sign) of each run of four bytes. Shape (m, 2)."""
    raw = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8).astype(np.uint64)
    if len(raw) < _RUN:
        return _spread(raw[:0], CHARACTER_BUCKETS, WORD_BUCKETS)
    runs = np.zeros(len(raw) - _RUN + 1, dtype=np.uint64)
    for place in range(_RUN):
        runs = (runs << np.uint64(8)) | raw[place : len(raw) - _RUN + 1 + place]
    return _spread(runs, CHARACTER_BUCKETS, WORD_BUCKETS)


def _spread(keys: npt.NDArray[np.uint64], buckets: int, first: int) -> npt.NDArray[np.int64]:
    mixed = (keys ^ (keys >> np.uint64(31))) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _GOLDEN
    sign = np.where((mixed >> np.uint64(33)) & np.uint64(1), 1, -1)
    return np.column_stack([(mixed >> np.uint64(40)).astype(np.int64) % buckets + first, sign])


def _bucketed(
    columns: npt.NDArray[np.int64], signs: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    sums = np.bincount(columns, weights=signs, minlength=BUCKETS)
    held = np.flatnonzero(sums)
    return held.astype(np.int32), (np.sign(sums[held]) * (1 + np.log(np.abs(sums[held])))).astype(np.float32)


def _facts(prompt: str) -> tuple[float, ...]:
    length = len(prompt) or 1
    words = _WORD.findall(prompt)
    return (
        float(len(prompt)),
        float(len(words)),
        prompt.count("\n") + 1.0,
        sum(map(len, words)) / (len(words) or 1),
        sum(map(str.isdigit, prompt)) / length,
        sum(map(str.isupper, prompt)) / length,
        len(_SIGN.findall(prompt)) / length,
        0.0 if prompt.isascii() else sum(sign > "\x7f" for sign in prompt) / length,
        *(
            float(len(pattern.findall(prompt)))
            for pattern in (_CODE, _REASONING, _SIMPLE, _QUESTION, _NEGATION)
        ),
        float(prompt.count("?")),
    )  # fmt: skip
