"""Before and after, read off two event logs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tokenop.evidence.values import Window

# With fewer scored calls the mean's own error is larger than the point of quality that is at stake: at a standard
# deviation of 0.3 it is 0.0095 for a thousand.
SCORED = 1_000
# Calls without a price are left out on both sides. Beyond this share the rest would no longer be the same work.
MOST_UNPRICED = Decimal("0.05")
_CENT = Decimal("0.01")
_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Side:
    """One log: its days, and calls with a price, their cost in USD, the mean quality of all that are scored.

    `cost` is None where more than a twentieth of the calls has no price, and `calls` then counts all. `quality` is None
    where too few calls are scored.
    """

    window: Window
    calls: int
    cost: Decimal | None
    quality: Decimal | None
    unpriced: int
    scored: int
    sample: bool
    content_hash: str


def side(path: Path) -> Side:
    """Return what a log says.

    Raises:
        FindingsError: the log has bad rows.
        NoInputError: it is empty.
        InputError: it cannot be read at all.
    """
    from tokenop.database import connect
    from tokenop.planning.inputs import open_events
    from tokenop.prices import book
    from tokenop.profile.document import is_sample

    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder, connect(spill_to=Path(folder)) as connection:
        opened = open_events(connection, book.load(), path, Path(folder))
        row = connection.execute(
            "SELECT min(ts AT TIME ZONE 'UTC')::DATE, max(ts AT TIME ZONE 'UTC')::DATE, count(*), sum(cost), "
            "count(*) - count(cost), avg(quality_score), count(quality_score) FROM calls"
        ).fetchone()
        sample = is_sample(connection)
    assert row is not None
    first, last, calls, cost, unpriced, quality, scored = row
    known = None if unpriced > MOST_UNPRICED * calls or cost is None else Decimal(cost).quantize(_CENT)
    mean = Decimal(repr(quality)).quantize(_POINT) if scored >= SCORED else None
    return Side(
        Window(first, last),
        calls if known is None else calls - unpriced,
        known,
        mean,
        unpriced,
        scored,
        sample,
        str(opened.inputs["events_hash"]),
    )


def method(before: Side, after: Side) -> str:
    """Return how it was measured, in words that let others repeat it with the same logs."""
    left_out = [side.unpriced for side in (before, after)]
    both = before.cost is not None and after.cost is not None
    said = f" Left out for want of a price: {left_out[0]} and {left_out[1]} calls." if both and any(left_out) else ""
    return (
        f"Two event logs, read by tokenop: calls and their cost, reported or at list price.{said} "
        f"Content before {before.content_hash}, after {after.content_hash}."
    )
