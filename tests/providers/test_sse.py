"""Server-sent events out of bytes that are cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.providers.errors import MalformedError
from tokenop.providers.formats.sse import Event, EventParser

line_ends = st.sampled_from((b"\n", b"\r\n", b"\r"))
values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)


def fed(data: bytes, size: int) -> list[Event]:
    parser = EventParser()
    events = [event for at in range(0, len(data), size) for event in parser.feed(data[at : at + size])]
    return [*events, *parser.end()]


@given(st.lists(st.tuples(values, st.lists(values, min_size=1, max_size=3)), max_size=4), line_ends, st.integers(1, 9))
def test_events_come_out_as_they_were_put_in(events: list[tuple[str, list[str]]], line_end: bytes, size: int) -> None:
    lines = []
    for name, data in events:
        lines += [f"event: {name}", ": a comment", *(f"data: {line}" for line in data), "id: 7", "retry: 5", ""]
    raw = b"".join(line.encode() + line_end for line in lines)
    assert fed(raw, size) == [Event(name or "message", "\n".join(data)) for name, data in events]


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"event: x\n\n", []),
        (b"data\n\n", [Event("message", "")]),
        (b"data:a\ndata:  b\n\n", [Event("message", "a\n b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("message", "a")]),
        (b"data: \xef\xbb\xbfa\n\n", [Event("message", "\ufeffa")]),
        (b"data: a", [Event("message", "a")]),
        (b"data: a\r\n\r\ndata: b\r\n", [Event("message", "a"), Event("message", "b")]),
        (b"unknown: a\ndata: b\n\n", [Event("message", "b")]),
        ("data: a\u2028b\x85c\n\n".encode(), [Event("message", "a\u2028b\x85c")]),
    ],
)
def test_corners_of_the_standard(raw: bytes, events: list[Event]) -> None:
    for size in (1, 2, 100):
        assert fed(raw, size) == events


def test_what_came_before_a_bad_line_is_told_first() -> None:
    found = []
    with pytest.raises(MalformedError, match="no UTF-8"):
        found.extend(EventParser().feed(b"data: a\n\ndata: \xff\n\n"))
    assert found == [Event("message", "a")]


@pytest.mark.parametrize("raw", [b"data: " + b"a" * 50, b"data: aaaaaaaaaaaa\n" * 5, b": " + b"c" * 50])
def test_an_event_without_end_is_not_kept(raw: bytes) -> None:
    parser = EventParser(longest=40)
    with pytest.raises(MalformedError, match="more than 40"):
        _ = [event for at in range(len(raw)) for event in parser.feed(raw[at : at + 1])]


def test_many_events_are_no_long_event() -> None:
    parser = EventParser(longest=40)
    assert sum(len(list(parser.feed(b"data: aaaaaaaa\n\n"))) for _ in range(100)) == 100
