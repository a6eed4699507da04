"""Routing policies over two models that can be evaluated on recorded outcomes, by the names that people give."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.research.routers import Outcomes, Trained

FORMS = "a model's name, random:SHARE, length:SHARE (of the prompts to the better model), oracle, or router:FILE"


ORACLE = "oracle"
"""Knows every outcome. Nobody can have it: it shows what there is to win, and is never recommended."""


@dataclass(frozen=True)
class Policy:
    """Who answers: `weak` (n,) is True where the weak model does, in the order of the outcomes' ids.

    `router` is the trained one behind it, None where nothing was learned.
    """

    name: str
    title: str
    weak: Any
    router: Trained | None = None
    seed: int = 0

    def on(self, outcomes: Outcomes) -> Policy:
        """Return the policy for some of the outcomes that it was made for."""
        if self.router is not None:
            return replace(self, weak=self.router.decide(outcomes.prompts))
        return of(self.name, outcomes, self.seed)


def of(name: str, outcomes: Outcomes, seed: int) -> Policy:
    """Return the policy that `name` means.

    Raises:
        MisuseError: it means none.
        FindingsError: the router's file has errors.
    """
    import numpy as np

    kind, _, rest = name.partition(":")
    size = len(outcomes)
    if name in (outcomes.weak, outcomes.strong):
        return Policy(name, f"always {name}", np.full(size, name == outcomes.weak), seed=seed)
    if name == ORACLE:
        title = f"{outcomes.strong} only where it is better: what no router can beat"
        return Policy(name, title, outcomes.weak_quality >= outcomes.strong_quality, seed=seed)
    if kind == "router" and rest:
        return _trained(name, Path(rest), outcomes, seed)
    if kind not in ("random", "length"):
        raise MisuseError(f"--candidate {name!r}: give {FORMS}; models: {outcomes.weak}, {outcomes.strong}")
    share = _share(name, rest)
    if kind == "random":
        draws = np.array([_draw(seed, one) for one in outcomes.ids])
        return Policy(name, f"{share:.0%} of the prompts to {outcomes.strong}, by chance", draws >= share, seed=seed)
    lengths = np.array([len(one) for one in outcomes.prompts])
    longest = np.quantile(lengths, 1 - share) if share else lengths.max(initial=0)
    return Policy(name, f"the longest {share:.0%} of the prompts to {outcomes.strong}", lengths <= longest, seed=seed)


def _trained(name: str, path: Path, outcomes: Outcomes, seed: int) -> Policy:
    from tokenop.research.routers import load

    router = load(path)
    if (router.weak, router.strong) != (outcomes.weak, outcomes.strong):
        raise MisuseError(
            f"{path}: routes between {router.weak} and {router.strong}, not {outcomes.weak} and {outcomes.strong}"
        )
    return Policy(name, f"a trained router ({router.name})", router.decide(outcomes.prompts), router, seed)


def _share(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise MisuseError(f"--candidate {name!r}: the share is a number from 0 to 1")
    return value


def _draw(seed: int, name: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{seed}\nmix\n{name}".encode()).digest()[:8]) / 2**64
