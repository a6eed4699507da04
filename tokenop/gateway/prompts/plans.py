"""What the config says about the caches of one target, and what that target charges for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from tokenop.providers import registry
from tokenop.providers.base import Target
from tokenop.providers.caching.limits import minimum_tokens
from tokenop.providers.formats.anthropic.parts import NAME as ANTHROPIC
from tokenop.providers.formats.openai_chat.marks import NAME as OPENAI
from tokenop.providers.model import Ttl
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.model import RoutingConfig

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

USUAL = ("tools", "system", "last_message")


@dataclass(frozen=True, slots=True)
class Charges:
    """What cached tokens cost, in parts of the price of plain input."""

    read: float
    write_5m: float
    write_1h: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How prompts to one target are cached.

    `breakpoints`: by marks, at `places`, from `least` tokens on, for `ttl` (None: whichever is cheaper) where `charges`
    are earned back and a write is read `min_reads` times. `key`: by a name that is made by `key`, each for
    `calls_per_minute` at most (None: no limit).
    """

    how: Literal["breakpoints", "key"]
    places: frozenset[str] = frozenset()
    least: int = 0
    ttl: Ttl | None = None
    charges: Charges | None = None
    min_reads: float = 0.0
    key: str = ""
    calls_per_minute: int | None = None


def plan(config: RoutingConfig, target: Target, book: PriceBook, now: datetime) -> Plan | None:
    """Return how prompts to `target` are cached; None where nothing is done about it.

    Nothing is done in recon, which changes no request; nor where a model's price is not known.
    """
    said = config.cache.get("prompt_cache")
    provider = registry.PROVIDERS.get(target.provider)
    if config.mode == "recon" or not isinstance(said, Mapping) or said.get("enabled") is not True or provider is None:
        return None
    own = _own(said, target)
    # Who does not say what was read from a cache is not asked to keep one: nobody would know.
    if own is None or not provider.cache_metrics:
        return None
    if provider.format == OPENAI and own.get("prompt_cache_key"):
        return Plan("key", key=own["prompt_cache_key"], calls_per_minute=own.get("max_calls_per_minute_per_key"))
    least = minimum_tokens(target.model)
    charges = charges_of(book, target, now)
    if provider.format != ANTHROPIC or least is None or charges is None or charges.read >= 1:
        return None
    guards = said.get("guards") or {}
    return Plan(
        "breakpoints",
        places=frozenset(own.get("breakpoints", USUAL)),
        least=_least(own.get("min_tokens") or {}, target.model, least),
        ttl=own.get("ttl"),
        charges=charges,
        min_reads=float(guards.get("min_expected_reads_per_write", 0)),
    )


def _own(said: Mapping[str, Any], target: Target) -> Mapping[str, Any] | None:
    """Return the settings for a target; where the config names no provider, the usual ones."""
    providers = said.get("providers")
    if not providers:
        return {}
    found = providers.get(target.name, providers.get(biller_of(target), providers.get(target.provider)))
    return found if isinstance(found, Mapping) else None


def _least(said: Mapping[str, int], model: str, known: int) -> int:
    """Return the shortest prefix to mark: the one for the model, else the larger of the default and the model's own."""
    named = max((name for name in said if name != "default" and model.startswith(name)), key=len, default=None)
    return said[named] if named is not None else max(said.get("default", 0), known)


def charges_of(book: PriceBook, target: Target, now: datetime) -> Charges | None:
    """Return what cached tokens cost; None where that is not known, or plain input costs nothing."""
    price = book.at(biller_of(target), target.model, now)
    if price is None or not price.rates.input:
        return None
    plain, read, short, long, _ = price.rates.charged()
    return Charges(float(read / plain), float(short / plain), float(long / plain))
