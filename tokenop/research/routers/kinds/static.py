"""Always one model: what a router must beat, and what is best where outcomes do not depend on the prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenop.research.routers.features import Features
from tokenop.research.routers.outcomes import Floats
from tokenop.research.routers.policy import Arrays, Kind, Model, Settings


@dataclass(frozen=True, slots=True)
class Constant:
    """The same score for every prompt."""

    value: float

    @property
    def settings(self) -> Settings:
        """Return what JSON can hold."""
        return {"value": self.value}

    @property
    def arrays(self) -> Arrays:
        """Return no arrays."""
        return {}

    def score(self, known: Features) -> Floats:
        """Return the one score for all. Shape (n,)."""
        return np.full(len(known), self.value)

    def words(self) -> str:
        """Return what it does in one line."""
        return "sends every prompt to the same model"


def _fit(known: Features, target: Floats, counts: Floats, options: Settings) -> Model:  # noqa: ARG001
    return Constant(round(float(np.average(target, weights=counts)), 6))


def _load(settings: Settings, arrays: Arrays) -> Model:
    if arrays:
        raise ValueError("a static policy has no arrays")
    return Constant(float(settings["value"]))


KIND = Kind("static", "always one model", lambda _: ({},), _fit, _load, learns=False)
