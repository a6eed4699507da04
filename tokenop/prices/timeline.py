"""One line of time for a model: dated entries laid over the bundled price data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tokenop.prices.model import Entry, ModelKey, Segment

EARLIEST = datetime.min.replace(tzinfo=UTC)


class _Piece(NamedTuple):
    begin: datetime
    end: datetime | None
    segment: Segment
    undated: bool


def merge(key: ModelKey, bundled: Sequence[Segment], dated: Sequence[Segment]) -> tuple[Entry, ...]:
    """Return the entries of one model in order of time; no two hold at once for the same call.

    At any time the price that started last holds; where both sources start together, the dated entry does. A bundled
    price without a start counts as dated from the first time that a dated entry names. Times before everything known
    carry the earliest known price, marked undated. Times after the end of the last price carry none.
    """
    edges = {EARLIEST}
    for segment in (*bundled, *dated):
        edges |= {moment for moment in (segment.start, segment.end) if moment is not None}
    moments = sorted(edges)
    pieces: list[_Piece] = []
    for begin, end in zip(moments, [*moments[1:], None], strict=True):
        found = _chosen(begin, bundled, dated)
        if found is None:
            continue
        segment, undated = found
        last = pieces[-1] if pieces else None
        if last and last.segment is segment and last.undated == undated and last.end == begin:
            pieces[-1] = last._replace(end=end)
        else:
            pieces.append(_Piece(begin, end, segment, undated))
    return tuple(
        Entry(
            key, None if piece.begin == EARLIEST else piece.begin, piece.end, piece.undated, slot, piece.segment.origin
        )
        for piece in pieces
        for slot in piece.segment.slots
    )


def _chosen(moment: datetime, bundled: Sequence[Segment], dated: Sequence[Segment]) -> tuple[Segment, bool] | None:
    """Return what holds at a time, and whether that is undated."""
    holding = [
        (segment.start or EARLIEST, rank, segment)
        for rank, segments in enumerate((bundled, dated))
        for segment in segments
        if (segment.start or EARLIEST) <= moment and (segment.end is None or moment < segment.end)
    ]
    found = max(holding, key=lambda held: held[:2])[2] if holding else None
    named = [day for segment in dated for day in (segment.start, segment.end) if day is not None]
    if found is not None and found.start is not None:
        return found, False
    if found is not None and (found in dated or not named):
        return found, True
    if named and moment >= min(named):
        return (found, False) if found else None
    earliest = min((segment for segment in dated if segment.start), key=_start, default=None)
    return (earliest, True) if earliest else None


def _start(segment: Segment) -> datetime:
    return segment.start or EARLIEST
