"""What `tokenop/gateway.yaml` says of budgets: whose days, who is slowed down, and how long answers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tokenop.gateway.budgets.recount import pico_of

OUTPUT_TOKENS = 4096
UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Throttle:
    """When a user spends too much in an hour, and what then.

    More than `factor` times the mean of the user's hours with calls in the last `days` days, or times `floor` (in
    pico-dollars) where that mean is lower. Users with fewer such hours than `least_hours` are not judged: nothing is
    known of them. `hours`: so many whole hours after that of the spike, calls go to local providers alone.
    """

    enabled: bool = True
    factor: Decimal = Decimal(2)
    floor: int = 10**12
    days: int = 14
    least_hours: int = 10
    hours: int = 1

    def most(self, baseline: int | None) -> int | None:
        """Return how much an hour may cost in pico-dollars; None where no limit is known."""
        if baseline is None or not self.enabled:
            return None
        return int(self.factor * max(baseline, self.floor))


@dataclass(frozen=True, slots=True)
class Own:
    """The settings. `zone` is the name of one; `output_tokens` are reserved where a call sets no limit itself."""

    zone: str = UTC
    throttle: Throttle = Throttle()
    output_tokens: int = OUTPUT_TOKENS


def read(own: Mapping[str, Any]) -> Own:
    """Return the settings of a file that its schema let through. Whether there is such a zone is not looked at."""
    said = own.get("throttle", {})
    usual = Throttle()
    throttle = Throttle(
        enabled=said.get("enabled", usual.enabled),
        factor=Decimal(str(said.get("factor", usual.factor))),
        floor=pico_of(said["floor_usd"]) if "floor_usd" in said else usual.floor,
        days=said.get("days", usual.days),
        least_hours=said.get("least_hours", usual.least_hours),
        hours=said.get("hours", usual.hours),
    )
    output = own.get("budgets", {}).get("output_tokens", OUTPUT_TOKENS)
    return Own(own.get("timezone", UTC), throttle, int(output))
