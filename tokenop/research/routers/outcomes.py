"""Recorded outcomes: what each model made of each prompt, one row a distinct prompt.

Prompts that differ only in case or white space are one prompt: their outcomes are averaged and `counts` says how often
it was asked. So no prompt can stand on both sides of a split, and resampling rows resamples prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenop.applying.showing import visible
from tokenop.catalogue.schema import closest
from tokenop.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST = 40
MEASURES = ("cost_usd", "input_tokens", "output_tokens", "latency_ms")
"""What may be known of each answer beside its quality."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Prompts with what two models made of them; all arrays have shape (n,), rows stand by `ids`.

    Qualities lie in [0, 1]. Costs are US dollars a call, None where they are unknown. `ids` are the SHA-256 of the
    normalised prompts, each once.
    """

    weak: str
    strong: str
    prompts: tuple[str, ...]
    ids: tuple[str, ...]
    counts: Floats
    weak_quality: Floats
    strong_quality: Floats
    weak_cost: Floats | None = None
    strong_cost: Floats | None = None
    categories: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        """Return the number of distinct prompts."""
        return len(self.ids)

    @property
    def gain(self) -> Floats:
        """Return what the strong model adds on each prompt, in [-1, 1]."""
        return self.strong_quality - self.weak_quality

    @property
    def target(self) -> Floats:
        """Return 1.0 where the weak model is good enough (no worse than the strong one), else 0.0."""
        return (self.weak_quality >= self.strong_quality).astype(np.float64)

    @property
    def sha256(self) -> str:
        """Return the hash of models, prompts and outcomes; costs are no part of it, as no policy learns from them."""
        digest = hashlib.sha256(f"{self.weak}\n{self.strong}\n".encode())
        digest.update("\n".join(self.ids).encode())
        for array in (self.counts, self.weak_quality, self.strong_quality):
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    def take(self, rows: Ints) -> Outcomes:
        """Return the outcomes at the positions `rows`, in that order."""

        def some(array: Floats | None) -> Floats | None:
            return None if array is None else array[rows]

        return replace(
            self,
            prompts=tuple(self.prompts[row] for row in rows),
            ids=tuple(self.ids[row] for row in rows),
            counts=self.counts[rows],
            weak_quality=self.weak_quality[rows],
            strong_quality=self.strong_quality[rows],
            weak_cost=some(self.weak_cost),
            strong_cost=some(self.strong_cost),
            categories=tuple(self.categories[row] for row in rows) if self.categories else (),
        )

    def with_costs(self, weak: Floats | None, strong: Floats | None) -> Outcomes:
        """Return the same outcomes with other costs, in US dollars a call."""
        return replace(self, weak_cost=weak, strong_cost=strong)

    def split(self, seed: int) -> tuple[Outcomes, Outcomes]:
        """Return (what may be learned from, what is held out): halves by hash, the same for the same prompts.

        Raises:
            InputError: there are too few prompts to learn and to judge.
        """
        if len(self) < FEWEST:
            raise InputError(
                f"{len(self)} distinct prompts with an outcome of both models; a trial needs {FEWEST} or more, and "
                "some hundreds to tell a good router from luck"
            )
        order = _shuffled(self.ids, f"split {seed}")
        middle = (len(order) + 1) // 2
        return self.take(np.sort(order[:middle])), self.take(np.sort(order[middle:]))

    def folds(self, number: int, seed: int) -> Ints:
        """Return the fold (0 … `number` - 1) of each row; folds differ in size by one at most. Shape (n,)."""
        found = np.empty(len(self), dtype=np.int64)
        found[_shuffled(self.ids, f"folds {seed}")] = np.arange(len(self)) % number
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What was read: outcomes of any number of models. NaN is unknown.

    `quality[model]` and `measures[model][measure]` have shape (n,); `rows` counts the rows of the files, `passed_over`
    names the columns that hold no outcome.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    ids: tuple[str, ...]
    counts: Floats
    quality: Mapping[str, Floats]
    measures: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    categories: tuple[str | None, ...] = ()
    rows: int = 0
    passed_over: tuple[str, ...] = ()

    def pair(self, weak: str, strong: str) -> Outcomes:
        """Return the outcomes of two models on the prompts where both are known, with costs where all are recorded.

        Raises:
            InputError: a model is not there, both are the same, or no prompt knows both.
        """
        for name in (weak, strong):
            if name not in self.quality:
                raise InputError(visible(f"no model {name!r} in the outcomes; {closest(name, self.models)}"))
        if weak == strong:
            raise InputError(f"{weak!r} is named as the weak and as the strong model; a router needs two")
        known = np.flatnonzero(~np.isnan(self.quality[weak]) & ~np.isnan(self.quality[strong]))
        if not known.size:
            raise InputError(f"no prompt has an outcome of both {weak!r} and {strong!r}")
        whole = Outcomes(
            weak,
            strong,
            self.prompts,
            self.ids,
            self.counts,
            self.quality[weak],
            self.quality[strong],
            self._recorded(weak, known),
            self._recorded(strong, known),
            self.categories,
        )
        return whole.take(known)

    def _recorded(self, model: str, known: Ints) -> Floats | None:
        found: Any = self.measures.get(model, {}).get("cost_usd")
        return None if found is None or np.isnan(found[known]).any() else found


def _shuffled(ids: Sequence[str], salt: str) -> Ints:
    """Return positions in an order that only the ids and the salt decide."""
    keys = [hashlib.sha256(f"{salt}:{name}".encode()).digest() for name in ids]
    return np.array(sorted(range(len(ids)), key=keys.__getitem__), dtype=np.int64)
