"""A logistic regression on hashed n-grams and counted facts. scikit-learn trains it; numpy alone decides."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenop.errors import InputError
from tokenop.research.routers import threads
from tokenop.research.routers.features import BUCKETS, FACTS, Features
from tokenop.research.routers.outcomes import Floats
from tokenop.research.routers.policy import Arrays, Kind, Model, Settings

# Facts stand beside n-grams of rows of length 1: at their full spread they would drown them.
_FACTS_WEIGH = 0.2
_ROUNDS, _CLOSE = 500, 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """`weights` and `rarity` (BUCKETS,) of the n-grams; `middle`, `spread` and weights of the `facts` (len(FACTS),)."""

    intercept: float
    weights: npt.NDArray[np.float32]
    rarity: npt.NDArray[np.float32]
    middle: Floats
    spread: Floats
    facts: Floats

    @property
    def settings(self) -> Settings:
        """Return what JSON can hold."""
        return {"intercept": self.intercept}

    @property
    def arrays(self) -> Arrays:
        """Return the weights."""
        return {
            "weights": self.weights,
            "rarity": self.rarity,
            "middle": self.middle,
            "spread": self.spread,
            "facts": self.facts,
        }

    def score(self, known: Features) -> Floats:
        """Return the probability that the weak model is good enough. Shape (n,)."""
        sums = known.weighted(self.rarity.astype(np.float64)).times(self.weights.astype(np.float64))
        sums = sums + _scaled(known, self.middle, self.spread) @ self.facts + self.intercept
        return np.asarray(1 / (1 + np.exp(-np.clip(sums, -60, 60))))

    def words(self) -> str:
        """Return what it does in one line."""
        return "weighs words, runs of characters and counted facts"


def _scaled(known: Features, middle: Floats, spread: Floats) -> Floats:
    return np.asarray((np.log1p(known.facts) - middle) / spread * _FACTS_WEIGH)


def _grid(rows: int) -> tuple[Settings, ...]:  # noqa: ARG001
    return tuple({"C": c} for c in (0.1, 0.3, 1.0))


def _fit(known: Features, target: Floats, counts: Floats, options: Settings) -> Model:
    if why := missing():
        raise InputError(why)
    from scipy import sparse  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression

    rarity = known.rarity().astype(np.float32)
    grams = known.weighted(rarity.astype(np.float64))
    middle, spread = np.log1p(known.facts).mean(axis=0), np.log1p(known.facts).std(axis=0)
    spread[spread < 1e-9] = 1.0
    good = float(np.average(target, weights=counts))
    if good in (0.0, 1.0):
        # One class alone: there is nothing to tell apart.
        odds = np.log((good * len(target) + 1) / ((1 - good) * len(target) + 1))
        return Logistic(float(odds), np.zeros(BUCKETS, np.float32), rarity, middle, spread, np.zeros(len(FACTS)))
    rows = sparse.csr_matrix((grams.values, grams.columns, grams.starts), (len(known), BUCKETS))
    facts = sparse.csr_matrix(_scaled(known, middle, spread).astype(np.float32))
    joined = sparse.hstack([rows, facts], format="csr")
    # Here again: scikit-learn has only now loaded the library whose threads are meant.
    with threads.single():
        plain = LogisticRegression(C=options["C"], max_iter=_ROUNDS, tol=_CLOSE)
        learned = plain.fit(joined, target, sample_weight=counts)
    weights = learned.coef_[0]
    return Logistic(
        float(learned.intercept_[0]),
        weights[:BUCKETS].astype(np.float32),
        rarity,
        middle,
        spread,
        weights[BUCKETS:].astype(np.float64),
    )


def _load(settings: Settings, arrays: Arrays) -> Model:
    shapes = {name: arrays[name].shape for name in ("weights", "rarity", "middle", "spread", "facts")}
    if shapes["weights"] != (BUCKETS,) or shapes["rarity"] != (BUCKETS,):
        raise ValueError(f"weights and rarity must have {BUCKETS} entries")
    if any(shapes[name] != (len(FACTS),) for name in ("middle", "spread", "facts")):
        raise ValueError(f"middle, spread and facts must have {len(FACTS)} entries")
    if (arrays["spread"] <= 0).any():
        raise ValueError("spread must be above 0")
    facts = [arrays[name].astype(np.float64) for name in ("middle", "spread", "facts")]
    return Logistic(
        float(settings["intercept"]), arrays["weights"].astype(np.float32), arrays["rarity"].astype(np.float32), *facts
    )


def missing() -> str | None:
    """Return why no logistic policy can be trained here; None where one can."""
    if importlib.util.find_spec("sklearn") is None:
        return "the policy `logistic` is trained with scikit-learn, which is not here: pip install 'tokenop[routers]'"
    return None


KIND = Kind("logistic", "logistic regression on the prompt's text", _grid, _fit, _load, missing)
