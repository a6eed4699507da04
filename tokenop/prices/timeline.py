"""One line of time for a model: dated entries laid over the bundled price data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tokenop.prices.model import Entry, ModelKey, Segment

EARLIEST = date.min


def merge(key: ModelKey, bundled: Sequence[Segment], dated: Sequence[Segment]) -> tuple[Entry, ...]:
    """Return the entries of one model in order of time; no two hold at once for the same call.

    On a day, the price that started last before it holds; where both sources start on that day, the dated entry does.
    A bundled price without a start holds from the day on which the last dated entry before it ends. Days before
    everything known carry the earliest known price, marked undated. Days after the end of a last price carry none.
    """
    edges = {EARLIEST}
    for segment in (*bundled, *dated):
        edges |= {day for day in (segment.start, segment.end) if day is not None}
    days = sorted(edges)
    first = min((segment.start for segment in dated if segment.start), default=None)
    chosen: list[tuple[date, date | None, Segment, bool]] = []
    for begin, end in zip(days, [*days[1:], None], strict=True):
        found = _active(begin, bundled, dated)
        undated = False
        if first and begin < first and (found is None or found.start is None):
            found, undated = next(segment for segment in dated if segment.start == first), True
        if found is None:
            continue
        undated = undated or (found.start is None and not (first and begin >= first))
        if chosen and chosen[-1][2] is found and chosen[-1][3] == undated and chosen[-1][1] == begin:
            chosen[-1] = (chosen[-1][0], end, found, undated)
        else:
            chosen.append((begin, end, found, undated))
    return tuple(
        Entry(key, None if begin == EARLIEST else begin, end, undated, slot, segment.origin)
        for begin, end, segment, undated in chosen
        for slot in segment.slots
    )


def _active(day: date, bundled: Sequence[Segment], dated: Sequence[Segment]) -> Segment | None:
    holding = [
        (segment.start or EARLIEST, rank, segment)
        for rank, segments in enumerate((bundled, dated))
        for segment in segments
        if (segment.start or EARLIEST) <= day and (segment.end is None or day < segment.end)
    ]
    return max(holding, key=lambda found: found[:2])[2] if holding else None
