"""Who answers a call: pure, and quick enough to be asked for each.

The words of `why` and `passed_over` are short here; `tokenop.routing.explaining` says more to whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from tokenop.errors import TokenOpError
from tokenop.providers.base import Target
from tokenop.providers.presets import PRESETS
from tokenop.providers.registry import PROVIDERS
from tokenop.routing import targets
from tokenop.routing.model import Decision, Facts, RoutingConfig, Rule

NOT_HELD = "its condition does not hold"
UNKNOWN = "its condition asks about facts that are not known"
NOT_IN_SHARE = "the call is not in its share"
_WHOLE = 1 << 64
_LONGEST_SHOWN = 100


class NotAllowedError(TokenOpError):
    """The caller names a tier or model that the config does not have, or does not let callers name."""


def decide(config: RoutingConfig, facts: Facts, asked: str | None = None, key: str = "") -> Decision:
    """Return who is asked for a call, in which order, and why.

    Args:
        config: the routing config.
        facts: what is known of the call, as `tokenop.routing.facts` makes it.
        asked: what the caller insists on: a tier, a model of the config, or `<name or provider>/<model>`.
        key: what decides who is in a rule's share where the rule's `sticky_by` is not known: the operation's id.

    Raises:
        NotAllowedError: `asked` is nothing that may be asked for.
    """
    if asked is not None:
        return _asked(config, asked)
    if config.mode == "recon":
        tier = config.tiers[config.default_tier]
        return Decision("recon", tier.name, tier.chain, f"recon: everything goes to {tier.name}, no rule is asked")
    passed: list[tuple[str, str]] = []
    for rule in config.rules:
        reason = rule.off
        if reason is None:
            held = rule.holds(facts)
            if held and (rule.share == 1 or in_share(rule, facts, key)):
                return _by_rule(config, rule, facts, tuple(passed))
            reason = NOT_IN_SHARE if held else UNKNOWN if held is None else NOT_HELD
        passed.append((rule.name, reason))
    tier = config.tiers[config.default_tier]
    return Decision("default", tier.name, tier.chain, "no rule decides", None, tuple(passed))


def in_share(rule: Rule, facts: Facts, key: str) -> bool:
    """Return whether a call that `rule` matches is in its share.

    A larger share keeps those who were in a smaller one; two rules draw apart.
    """
    if rule.share == 1:
        return True
    return draw(rule, facts, key) < rule.share * _WHOLE


def draw(rule: Rule, facts: Facts, key: str) -> int:
    """Return the number from 0 up to 2^64 by which a call is in a share or not: the same each time."""
    value = facts.get(rule.sticky_by) if rule.sticky_by else None
    # The prefix keeps a session `x` and an operation `x` apart.
    text = f"{rule.name}\0op\0{key}" if value is None else f"{rule.name}\0{rule.sticky_by}\0{value}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _by_rule(config: RoutingConfig, rule: Rule, facts: Facts, passed: tuple[tuple[str, str], ...]) -> Decision:
    tier = config.tiers[rule.tier or config.default_tier]
    first = (rule.to,) if rule.to is not None else tier.chain
    why = f"rule {rule.name} holds"
    if rule.fallback == "none":
        chain: tuple[Target, ...] = first[:1]
    else:
        chain = _joined(first, tier.chain)
        if rule.fallback == "requested":
            named = requested(config, facts)
            chain = chain if named is None else _joined(first, (named,))
            why += "; " + ("which model was requested is not known" if named is None else "then what was requested")
    return Decision("rule", rule.tier, chain, why, rule.name, passed)


def _joined(first: Sequence[Target], further: Sequence[Target]) -> tuple[Target, ...]:
    seen = {(target.name, target.model) for target in first}
    return (*first, *(target for target in further if (target.name, target.model) not in seen))


def requested(config: RoutingConfig, facts: Facts) -> Target | None:
    """Return the target that the request itself names by `model` and `provider`; None where that is not clear."""
    model, provider = facts.get("model"), facts.get("provider")
    if not isinstance(model, str):
        return None
    same = [target for target in config.targets.values() if target.model == model]
    if isinstance(provider, str):
        named = [target for target in same if provider in _names(target)]
        if named:
            return named[0]
        if provider in PROVIDERS or provider in PRESETS:
            try:
                return targets.made(provider, {"model": model}, targets.priority(provider))
            except ValueError:
                return None
        return None
    return same[0] if len({target.name for target in same}) == 1 else None


def _names(target: Target) -> tuple[str, ...]:
    return target.name, target.provider, str(target.options.get("preset", target.name))


def _asked(config: RoutingConfig, asked: str) -> Decision:
    if asked in config.asked.tiers and asked in config.tiers:
        return Decision("asked", asked, config.tiers[asked].chain, f"the caller names {asked}")
    tiers = [name for name in config.asked.tiers if name in config.tiers]
    listed = {target for name in tiers for target in config.tiers[name].chain}
    if config.asked.models == "none":
        listed = set()
    chain = sorted((one for one in listed if asked in spellings(one)), key=lambda one: (one.priority, one.name))
    if chain:
        return Decision("asked", None, tuple(chain), f"the caller names {asked}")
    known = ", ".join([*tiers, *sorted({target.model for target in listed})]) or "nothing"
    raise NotAllowedError(f"{asked[:_LONGEST_SHOWN]!r} may not be asked for; callers may name: {known}")


def spellings(target: Target) -> tuple[str, ...]:
    """Return how a caller may name a target."""
    return (target.model, *(f"{name}/{target.model}" for name in _names(target)))
