"""Who is asked in the place of a chain that costs money."""

from __future__ import annotations

from collections.abc import Sequence

from tokenop.gateway.budgets.worst import Prices
from tokenop.gateway.model import Call
from tokenop.providers.base import Target
from tokenop.routing.model import TIERS, RoutingConfig


def chain_of(call: Call, chain: Sequence[Target], prices: Prices) -> tuple[Target, ...]:
    """Return the targets that cost nothing and may answer in the place of `chain`; none where there is no such.

    Those of the chain itself, in its order; else those of the tier that is nearest to the call's, lower ones first: all
    are free, so the best of them is the one to take. A rule that says `fallback: none`, as for pictures that other
    models cannot read, is kept to.
    """

    def free(targets: Sequence[Target]) -> tuple[Target, ...]:
        return tuple(one for one in targets if prices.is_free(one, call.started) and prices.is_usable(one))

    own = free(chain)
    config = call.serving.config
    if own or _stays(call, config):
        return own
    for name in _nearest(call.tier):
        tier = config.tiers.get(name)
        if tier is not None and (found := free(tier.chain)):
            return found
    return ()


def _stays(call: Call, config: RoutingConfig) -> bool:
    name = call.decision.rule if call.decision is not None else None
    return name is not None and any(rule.name == name and rule.fallback == "none" for rule in config.rules)


def _nearest(tier: str | None) -> tuple[str, ...]:
    at = TIERS.index(tier) if tier in TIERS else len(TIERS) - 1
    return (*reversed(TIERS[: at + 1]), *TIERS[at + 1 :])
