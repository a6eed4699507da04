"""What a policy is, and how one is trained and kept.

A policy knows one thing: how likely it is that the weak model is good enough for a prompt. Where the line is drawn, the
threshold, is a choice between cost and quality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tokenop.research.routers import features
from tokenop.research.routers.features import Features
from tokenop.research.routers.outcomes import Bools, Floats

Settings = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray[Any, Any]]


class Policy(Protocol):
    """Decides which of two models gets a prompt."""

    @property
    def name(self) -> str:
        """Return the name of its kind."""
        ...

    def score(self, prompts: Sequence[str]) -> Floats:
        """Return how likely the weak model is good enough for each prompt. Shape (n,), in [0, 1]."""
        ...

    def decide(self, prompts: Sequence[str], threshold: float | None = None) -> Bools:
        """Return where the weak model is asked: a score of `threshold` or more. Shape (n,)."""
        ...


class Model(Protocol):
    """What was learned, as settings and arrays that can be written down."""

    @property
    def settings(self) -> Settings:
        """Return what JSON can hold."""
        ...

    @property
    def arrays(self) -> Arrays:
        """Return the arrays, by name."""
        ...

    def score(self, known: Features) -> Floats:
        """Return the scores of prompts whose features are known. Shape (n,), in [0, 1]."""
        ...

    def words(self) -> str:
        """Return what it does in one line for people."""
        ...


class Fit(Protocol):
    """Trains a model."""

    def __call__(self, known: Features, target: Floats, counts: Floats, options: Settings) -> Model:
        """Return the model for `target` (n,), where row i counts `counts[i]` times."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of policy. `grid(n)` are the options to choose among with `n` rows, the plainest first.

    `load` takes what `Model.settings` and `Model.arrays` gave; it raises ValueError where they do not fit together.
    `missing` says why it cannot be trained here; None where it can. `learns` is False where prompts do not matter.
    """

    name: str
    title: str
    grid: Callable[[int], tuple[Settings, ...]]
    fit: Fit
    load: Callable[[Settings, Arrays], Model]
    missing: Callable[[], str | None] = lambda: None
    learns: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained policy, ready to decide.

    `threshold` was chosen on what it was trained on. `folds` holds one score a fold: the mean gain over the random mix
    in cross-validation, with the chosen `options`. `trained_on` is the hash of the outcomes.
    """

    name: str
    model: Model
    threshold: float
    weak: str
    strong: str
    options: Settings
    folds: tuple[float, ...]
    trained_on: str
    prompts: int
    seed: int
    features: int = features.VERSION
    figures: Mapping[str, Any] = field(default_factory=dict)

    def score(self, prompts: Sequence[str]) -> Floats:
        """Return how likely the weak model is good enough for each prompt. Shape (n,), in [0, 1]."""
        return self.model.score(features.extract(prompts))

    def decide(self, prompts: Sequence[str], threshold: float | None = None) -> Bools:
        """Return where the weak model is asked: a score of `threshold` (None: the chosen one) or more. Shape (n,)."""
        return np.asarray(self.score(prompts) >= (self.threshold if threshold is None else threshold))
