"""Why a decision was made, in words: which part of a condition does not hold, and what a call costs with whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.registry import usable
from tokenop.routing import deciding, predicates
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.chain.model import policy_of
from tokenop.routing.model import Decision, Facts, RoutingConfig, Rule
from tokenop.routing.predicates.tree import And, Expression, columns
from tokenop.routing.predicates.writing import written
from tokenop.routing.targets import is_local

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs at a target: `usd` where both lengths are known, with the output at its limit.

    Rates are US dollars per million tokens. None is unknown; `own`: nobody bills a token there.
    """

    own: bool
    input_rate: Decimal | None = None
    output_rate: Decimal | None = None
    input_usd: Decimal | None = None
    usd: Decimal | None = None
    price_id: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One target of the chain: whether it can be asked from here (None: yes, else why not), how long, and its cost."""

    target: Target
    reason: str | None
    timeouts: Timeouts
    cost: Cost


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with all that is known about it. `passed_over` says of each earlier rule why it did not decide."""

    decision: Decision
    because: str
    passed_over: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]


def explain(
    config: RoutingConfig,
    facts: Facts,
    *,
    prices: PriceBook,
    now: datetime,
    env: Mapping[str, str],
    asked: str | None = None,
    key: str = "",
) -> Explained:
    """Return who answers a call, and why.

    Raises:
        NotAllowedError: `asked` is nothing that may be asked for.
    """
    decision = deciding.decide(config, facts, asked, key)
    rules = {rule.name: rule for rule in config.rules}
    passed = tuple((name, _passed(rules[name], facts, short)) for name, short in decision.passed_over)
    rule = rules.get(decision.rule or "")
    because = decision.why if rule is None else f"{_flat(rule.when)}{_share(rule)}"
    policy = policy_of(config, decision)
    places = tuple(
        Place(target, usable(target, env), policy.timeouts_of(target), cost(target, facts, prices, now))
        for target in decision.chain
    )
    return Explained(decision, because, passed, places)


def cost(target: Target, facts: Facts, prices: PriceBook, now: datetime) -> Cost:
    """Return what a call costs at a target, as far as its lengths and the price are known."""
    given, limit = facts.get("input_tokens"), facts.get("output_tokens_limit")
    tokens = given if isinstance(given, int) else None
    price = prices.at(biller_of(target), target.model, now, tokens)
    own = is_local(target)
    if price is None or own:
        return Cost(own)
    rates = price.rates
    input_usd = None if tokens is None else rates.cost(tokens, 0, 0, 0, 0)
    whole = rates.cost(tokens, 0, 0, 0, limit) if tokens is not None and isinstance(limit, int) else None
    million = Decimal(1_000_000)
    return Cost(False, rates.input * million, rates.output * million, input_usd, whole, price.price_id)


def _passed(rule: Rule, facts: Facts, short: str) -> str:
    """Return why a rule did not decide: the first part of its condition that does not hold, with what is known."""
    if rule.off is not None or short == deciding.NOT_IN_SHARE:
        return f"its condition holds, but {short}{_share(rule)}" if rule.off is None else short
    tree, _ = predicates.read(rule.when)
    if tree is None:
        return short
    parts = tree.of if isinstance(tree, And) else (tree,)
    said = [(part, predicates.compiled(part)(facts)) for part in parts]
    wrong = [part for part, held in said if held is False]
    if wrong:
        return f"{written(wrong[0])} does not hold: {_known(wrong[0], facts)}"
    unknown = [part for part, held in said if held is None]
    names = [column.name for part in unknown for column in columns(part) if facts.get(column.name) is None]
    return f"{written(unknown[0])} stays open: {_listed(names)} not known" if unknown else short


def _known(part: Expression, facts: Facts) -> str:
    values = [(column.name, facts.get(column.name)) for column in columns(part)]
    return ", ".join(f"{name} is {'not known' if value is None else repr(value)}" for name, value in values) or "never"


def _listed(names: list[str]) -> str:
    each = list(dict.fromkeys(names))
    return f"{' and '.join(each)} {'is' if len(each) == 1 else 'are'}"


def _share(rule: Rule) -> str:
    if rule.share == 1:
        return ""
    by = rule.sticky_by or "operation"
    return f" (a share of {rule.share.normalize():f} of them, drawn by {by})"


def _flat(text: str) -> str:
    return " ".join(text.split())
