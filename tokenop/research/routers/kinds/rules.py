"""One rule over one counted fact of the prompt, such as its length: what people would write by hand.

Which fact and which side is strong is chosen by cross-validation; how likely the weak model is good enough is the share
in bins of the fact, made monotone (pool adjacent violators).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenop.research.routers.features import FACTS, Features
from tokenop.research.routers.outcomes import Floats
from tokenop.research.routers.policy import Arrays, Kind, Model, Settings

_BINS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Scores that only rise (`rising`) or only fall with a fact.

    `edges` (b - 1,) divide the fact into bins, `levels` (b,) are the score in each.
    """

    fact: str
    rising: bool
    edges: Floats
    levels: Floats

    @property
    def settings(self) -> Settings:
        """Return what JSON can hold."""
        return {"fact": self.fact, "rising": self.rising}

    @property
    def arrays(self) -> Arrays:
        """Return edges and levels."""
        return {"edges": self.edges, "levels": self.levels}

    def score(self, known: Features) -> Floats:
        """Return the level of each prompt's bin. Shape (n,)."""
        return self.levels[np.searchsorted(self.edges, known.facts[:, FACTS.index(self.fact)], side="right")]

    def words(self) -> str:
        """Return the rule in one line."""
        return f"sends prompts with {'low' if self.rising else 'high'} {self.fact} to the strong model"


def _grid(rows: int) -> tuple[Settings, ...]:  # noqa: ARG001
    return tuple({"fact": fact, "rising": rising} for fact in FACTS for rising in (False, True))


def _fit(known: Features, target: Floats, counts: Floats, options: Settings) -> Model:
    values = known.facts[:, FACTS.index(options["fact"])]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    where = np.searchsorted(edges, values, side="right")
    held = np.bincount(where, weights=counts, minlength=len(edges) + 1)
    good = np.bincount(where, weights=counts * target, minlength=len(edges) + 1)
    mean = float(np.average(target, weights=counts))
    # An empty bin, and a prior of one prompt in each, stand at the mean.
    weights: Floats = np.asarray(held + 1.0)
    levels: Floats = (good + mean) / weights
    way = 1 if options["rising"] else -1
    return Rule(options["fact"], options["rising"], edges, monotone(levels[::way], weights[::way])[::way])


def monotone(values: Floats, weights: Floats) -> Floats:
    """Return the never falling sequence nearest to `values` in weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, heavy, length = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, weighed, long = blocks.pop()
            mean = (before * weighed + mean * heavy) / (weighed + heavy)
            heavy += weighed
            length += long
        blocks.append((mean, heavy, length))
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])


def _load(settings: Settings, arrays: Arrays) -> Model:
    if settings["fact"] not in FACTS:
        raise ValueError(f"no fact {settings['fact']!r} is counted")
    edges, levels = arrays["edges"].astype(np.float64), arrays["levels"].astype(np.float64)
    if edges.ndim != 1 or levels.shape != (len(edges) + 1,) or (np.diff(edges) <= 0).any():
        raise ValueError("edges must rise, and levels must be one more than edges")
    return Rule(str(settings["fact"]), bool(settings["rising"]), edges, levels)


KIND = Kind("rules", "one rule over one counted fact", _grid, _fit, _load)
