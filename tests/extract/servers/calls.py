"""Calls that the vendors' servers tell of, each in its own shape, and what must never leave those servers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

DAY = datetime(2026, 8, 25, tzinfo=UTC)
# Planted where vendors keep prompts, answers, signed links and free text.
CANARY = "CANARY-do-not-write-this"


@dataclass(frozen=True)
class Call:
    """One call."""

    id: str
    at: datetime
    model: str
    input: int
    cached: int
    output: int
    cost: str
    milliseconds: int
    team: str
    user: str

    @property
    def end(self) -> datetime:
        return self.at + timedelta(milliseconds=self.milliseconds)


def calls(number: int = 120, days: int = 3, seed: int = 7) -> list[Call]:
    """Return calls over some days from `DAY` on: bursts at one millisecond, one at each midnight, one just before."""
    random = Random(seed)
    found = []
    while len(found) < number:
        at = DAY + timedelta(milliseconds=random.randrange(days * 86_400_000))
        for _ in range(random.choice((1, 1, 1, 4))):
            found.append(_call(len(found), at, random))
    for day in range(days + 1):
        midnight = DAY + timedelta(days=day)
        found.append(_call(len(found), midnight, random))
        found.append(_call(len(found), midnight - timedelta(milliseconds=1), random))
    return sorted(found, key=lambda call: call.at)


def _call(number: int, at: datetime, random: Random) -> Call:
    tokens = random.randrange(20, 9000)
    return Call(
        f"0198{number:04x}-0000-7000-8000-{random.getrandbits(48):012x}",
        at,
        random.choice(("gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929")),
        tokens,
        tokens // 2,
        random.randrange(1, 900),
        f"0.00{random.randrange(1, 99_999):05d}",
        random.randrange(200, 9000),
        random.choice(("support", "search")),
        f"u{random.randrange(9)}",
    )


def iso(when: datetime, zone: str = "Z") -> str:
    """Return a time with milliseconds."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}{zone}"
