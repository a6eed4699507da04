"""What the semantic part needs of one policy: who makes vectors, and what was learned of their likeness."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from tokenop.gateway.responses.asking import chosen
from tokenop.gateway.responses.learning import Learners
from tokenop.gateway.responses.near import Elsewhere
from tokenop.gateway.responses.policy import Policy


class Mind:
    """An embedder and its learners."""

    def __init__(self, policy: Policy, env: Mapping[str, str], elsewhere: Elsewhere) -> None:
        """Begin to make ready: what is imported is imported elsewhere."""
        self._made_for = _about(policy)
        self.embedder = chosen(policy.embedder, env)
        self.agreement = policy.agreement
        self.floor = self.embedder.floor if policy.floor is None else policy.floor
        self.learners = learners_of(policy, self.embedder.space, self.floor)
        self._warm: Future[Any] = elsewhere(_warm)

    @property
    def ready(self) -> bool:
        """Return whether all is imported."""
        return self._warm.done()

    def fits(self, policy: Policy) -> bool:
        """Return whether another policy changes nothing here."""
        return self._made_for == _about(policy)


def learners_of(policy: Policy, space: str, floor: float) -> Learners:
    """Return learners who know nothing yet."""
    return Learners(floor, policy.false_hits, policy.window_days, f"{space}|{policy.agreement:g}")


def _about(policy: Policy) -> tuple[object, ...]:
    return policy.embedder, policy.floor, policy.false_hits, policy.window_days, policy.agreement


def _warm() -> None:
    import numpy  # noqa: F401 imported so that no call waits for it
    import usearch.index  # noqa: F401 the same
