"""What a router must beat at its own cost: the random mix of both models, and the best single model.

All functions take arrays (or numbers) of means a call, one entry a bootstrap draw: qualities in [0, 1], costs in US
dollars. A router's cost includes what it costs to run the router.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokenop.research.routers.outcomes import Bools, Floats

# A millionth of a cost: sums of floats in another order must not make a model too dear for itself.
_SLACK = 1e-9


class Means(NamedTuple):
    """Means a call of both models and of the policy, each of shape (draws,)."""

    weak_quality: Floats
    strong_quality: Floats
    weak_cost: Floats
    strong_cost: Floats
    quality: Floats
    cost: Floats


def mixed(means: Means) -> Floats:
    """Return the best quality of sending each call to either model by chance, at no more than the policy's cost.

    Where the policy is cheaper than any mix, it is compared with the cheapest.
    """
    weak, strong = means.weak_cost, means.strong_cost
    apart = np.asarray(strong != weak)
    spent = np.where(apart, (means.cost - weak) / np.where(apart, strong - weak, 1.0), 0.0)
    spent = np.clip(spent, 0.0, 1.0)
    least = np.where(strong < weak, spent, 0.0)
    most = np.where(strong > weak, spent, 1.0)

    def quality(share: Floats) -> Floats:
        return np.asarray(means.weak_quality + share * (means.strong_quality - means.weak_quality))

    return np.maximum(quality(least), quality(most))


def single(means: Means) -> Floats:
    """Return the quality of the best single model that costs no more than the policy; else of the cheaper one."""
    room = means.cost * (1 + _SLACK)
    weak_fits: Bools = np.asarray(means.weak_cost <= np.maximum(room, np.minimum(means.weak_cost, means.strong_cost)))
    strong_fits: Bools = np.asarray(
        means.strong_cost <= np.maximum(room, np.minimum(means.weak_cost, means.strong_cost))
    )
    return np.maximum(
        np.where(weak_fits, means.weak_quality, -np.inf), np.where(strong_fits, means.strong_quality, -np.inf)
    )


def best(means: Means) -> Floats:
    """Return the quality of the better of the two models, whatever it costs."""
    return np.maximum(means.weak_quality, means.strong_quality)
