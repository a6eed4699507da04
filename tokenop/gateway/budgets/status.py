"""How the limits stand: what all processes spent and set aside, when each is reset, who is slowed down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tokenop.gateway.budgets import closed, folding, tables, throttling
from tokenop.gateway.budgets.recount import PICO
from tokenop.gateway.budgets.windows import Key, Window, iso, within, zone_of
from tokenop.routing.model import Budget

_LATEST = 20  # anomalies that are shown


@dataclass(slots=True)
class Total:
    """What was settled and is set aside for one key, in pico-dollars and tokens."""

    subject: str
    usd: int = 0
    tokens: int = 0
    usd_held: int = 0
    tokens_held: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands for one subject ("" is nobody named, or all)."""

    budget: Budget
    window: Window
    total: Total

    @property
    def share(self) -> Decimal:
        """Return the part of the limit of money or tokens (the larger) that is used up, what is set aside included."""
        usd, tokens, total = self.budget.usd, self.budget.tokens, self.total
        parts = [Decimal(total.usd + total.usd_held) / PICO / usd] if usd else []
        parts += [Decimal(total.tokens + total.tokens_held) / tokens] if tokens else []
        return max(parts)

    @property
    def word(self) -> str:
        """Return `ok`, `soft` from the soft limit on, `full` at the hard one."""
        return "full" if self.share >= 1 else "soft" if self.share > self.budget.soft else "ok"


@dataclass(frozen=True, slots=True)
class Status:
    """All that is shown. `zone` is that of the days and months that are counted; `processes` count them."""

    zone: str
    processes: int
    standings: tuple[Standing, ...]
    throttled: Mapping[str, Mapping[str, Any]]
    anomalies: tuple[Mapping[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        zone = zone_of(self.zone)
        return {
            "zone": self.zone,
            "processes": self.processes,
            "limits": [
                {
                    "budget": one.budget.name,
                    "per": one.budget.per,
                    "subject": one.total.subject or None,
                    "period": one.budget.period,
                    "state": one.word,
                    "share": round(float(one.share), 6),
                    "spent_usd": float(Decimal(one.total.usd) / PICO),
                    "reserved_usd": float(Decimal(one.total.usd_held) / PICO),
                    "limit_usd": None if one.budget.usd is None else float(one.budget.usd),
                    "spent_tokens": one.total.tokens,
                    "reserved_tokens": one.total.tokens_held,
                    "limit_tokens": one.budget.tokens,
                    "soft": float(one.budget.soft),
                    "at_limit": one.budget.at_limit,
                    "since": iso(one.window.start, zone),
                    "resets": iso(one.window.end, zone),
                }
                for one in self.standings
            ],
            "throttled": [_public(entry) for entry in self.throttled.values()],
            "anomalies": list(self.anomalies),
        }


def status(folder: Path, log: Path, budgets: Sequence[Budget], zone: str, now: float) -> Status:
    """Return how the limits stand. Rows that nobody counted yet are counted first.

    Args:
        folder: of the budgets, which may not be there.
        log: of the event log.
        budgets: the limits in force.
        zone: of days and months, where nobody counts by another one.
        now: in seconds since 1970.
    """
    said = closed.read(folder)
    zone = said.zone if said is not None else zone
    if folder.is_dir() and folding.urgency(folder, log, zone, now) not in ("nothing", "empty"):
        folding.fold(folder, log, zone, now)
    totals, processes = _totals(folder)
    standings: list[Standing] = []
    for budget in budgets:
        window = within(budget.period, int(now), zone_of(zone))
        found = [total for key, total in totals if key[:3] == (budget.per, budget.period, window.start)]
        standings += _sorted(Standing(budget, window, total) for total in found or [Total("")])
    throttled = throttling.read(folder)
    slow = {name: entry for name, entry in throttled.users.items() if throttled.until(name, now) is not None}
    return Status(zone, processes, tuple(standings), slow, _anomalies(folder))


def _totals(folder: Path) -> tuple[list[tuple[Key, Total]], int]:
    """Return the sums of all processes, and how many there are."""
    opened = [table for path in sorted(folder.glob(f"[!.]*{tables.SUFFIX}")) if (table := tables.opened(path))]
    try:
        said = closed.read(folder) or closed.Closed("")
        counted = [table for table in opened if table.name not in said.gone]
        found: dict[bytes, tuple[Key, Total]] = {}
        for key, (usd, tokens) in said.net(table.name for table in counted).items():
            found[tables.digest_of(key)] = key, Total(key.subject, usd, tokens)
        alive = 0
        for table in counted:
            lives = not table.is_abandoned()
            alive += lives
            for digest, slot in table.slots():
                if digest not in found:
                    whole = tables.digest_of(slot.key) == digest  # tables have room for the beginning of a long name
                    found[digest] = slot.key, Total(slot.key.subject if whole else f"{slot.key.subject}…")
                _, total = found[digest]
                total.usd += slot.settled
                total.tokens += slot.settled_tokens
                total.usd_held += slot.reserved if lives else 0
                total.tokens_held += slot.reserved_tokens if lives else 0
    finally:
        for table in opened:
            table.close()
    return list(found.values()), alive


def _sorted(standings: Iterable[Standing]) -> list[Standing]:
    return sorted(standings, key=lambda one: (-one.share, one.total.subject))


def _anomalies(folder: Path) -> tuple[Mapping[str, Any], ...]:
    try:
        lines = (folder / throttling.ANOMALIES).read_bytes().splitlines()[-_LATEST:]
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError:  # torn
            continue
    return tuple(found)


def _public(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if not name.endswith("_s")}
