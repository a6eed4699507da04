"""What a provider says it read from its cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tokenop.providers.model import Usage


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Tokens of some calls, all of which are part of `input_tokens`. `unknown` calls say nothing and are in no sum."""

    calls: int
    unknown: int
    input_tokens: int
    read: int
    written: int
    written_1h: int

    @property
    def hit_ratio(self) -> float | None:
        """Return which share of the input was read from the cache; None where no input is known."""
        return self.read / self.input_tokens if self.input_tokens else None


def use(usages: Iterable[Usage]) -> CacheUse:
    """Return what calls read from and wrote to the cache.

    A call that does not say its input, or not what it read, is unknown: it must not pass for one that read nothing.
    """
    told = list(usages)
    known = [each for each in told if each.input_tokens is not None and each.cache_read_input_tokens is not None]
    return CacheUse(
        calls=len(told),
        unknown=len(told) - len(known),
        input_tokens=sum(each.input_tokens or 0 for each in known),
        read=sum(each.cache_read_input_tokens or 0 for each in known),
        written=sum(each.cache_creation_input_tokens or 0 for each in known),
        written_1h=sum(each.cache_creation_1h_input_tokens or 0 for each in known),
    )
