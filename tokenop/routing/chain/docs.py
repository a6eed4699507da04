"""The table of docs/fallback.md, written from what the machine works by: `python -m tokenop.routing.chain.docs`."""

from __future__ import annotations

import sys

from tokenop.routing.chain.breaker import Verdict
from tokenop.routing.chain.handling import HANDLING, Again, Charge

AGAIN: dict[Again, str] = {
    "soon": "yes, after a short wait, before the next provider",
    "last": "yes, but only when nobody else is left",
    "never": "no",
}
HEALTH: dict[Verdict, str] = {"failed": "a failure", "answered": "an answer: it is well", "unknown": "nothing"}
CHARGE: dict[Charge, str] = {"nothing": "nothing", "estimated": "estimated"}
HEAD = ("error", "asked again?", "circuit breaker is told", "taken to cost", "why")


def table() -> str:
    """Return the table as markdown."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    rows += [
        (f"`{kind}`", AGAIN[one.again], HEALTH[one.health], CHARGE[one.charge], one.why)
        for kind, one in HANDLING.items()
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
