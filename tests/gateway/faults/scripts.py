"""What a provider can do wrong before anybody has heard a word of its answer, and after."""

from __future__ import annotations

from collections.abc import Callable

from tests.gateway.upstream import CLOSE, RESET, STALL, Asked, Script, Step, chunk, failed, head, hello, streamed, whole


def _cut(how: Step) -> Script:
    """Break off in the middle of a whole answer; of a streamed one right after its head."""

    def script(asked: Asked) -> list[Step]:
        said = hello(asked)
        assert isinstance(said[0], bytes)
        return [said[0], how] if asked.streaming else [said[0][: len(said[0]) - 40], how]

    return script


def _broken(whole_body: bytes, event: bytes) -> Script:
    """Send what nobody can read: a body, or a first event."""
    return lambda asked: streamed([event]) if asked.streaming else whole(whole_body)


def _always(steps: Callable[[], list[Step]]) -> Script:
    return lambda _asked: steps()


# Name → what is done, the row's status, the caller's status where nobody else answers.
BEFORE: dict[str, tuple[Script, set[str], int]] = {
    "refused": (hello, {"connection"}, 502),
    "reset": (_always(lambda: [RESET]), {"connection"}, 502),
    "cut": (_cut(CLOSE), {"connection", "malformed"}, 502),
    "cut-reset": (_cut(RESET), {"connection"}, 502),
    "slow-first-byte": (_always(lambda: [STALL]), {"timeout"}, 504),
    "slow-after-head": (_cut(STALL), {"timeout"}, 504),
    "e401": (_always(lambda: failed(401)), {"401"}, 401),
    "e403": (_always(lambda: failed(403)), {"403"}, 403),
    "e404": (_always(lambda: failed(404)), {"404"}, 404),
    "e429": (_always(lambda: failed(429)), {"429"}, 429),
    "e500": (_always(lambda: failed(500)), {"500"}, 500),
    "e502-page": (_always(lambda: whole(b"<html>Bad gateway</html>", 502, content_type="text/html")), {"502"}, 502),
    "e529": (_always(lambda: failed(529)), {"529"}, 503),
    "malformed": (_broken(b'{"id": 1,, "choices"', b"data: {nonsense\n\n"), {"malformed"}, 502),
    "not-utf8": (_broken(b'{"id": "\xff\xfe"}', b"data: \xff\xfe\xc3\n\n"), {"malformed"}, 502),
    "another-shape": (_broken(b'["choices"]', b'data: ["choices"]\n\n'), {"malformed"}, 502),
    "empty": (lambda asked: streamed([]) if asked.streaming else whole(b""), {"malformed"}, 502),
    "page": (_always(lambda: whole(b"<html>Hello</html>", content_type="text/html")), {"malformed"}, 502),
    "redirect": (_always(lambda: whole(b"", 302, location="http://127.0.0.1:1/")), {"302", "malformed", "error"}, 502),
    "packed": (_always(lambda: whole(b"\x1f\x8b nothing", content_encoding="gzip")), {"malformed"}, 502),
}


def _later(*end: Step) -> Script:
    """Say the first word of two, then do something else."""

    def script(asked: Asked) -> list[Step]:
        said = hello(asked)
        words = next(number for number, step in enumerate(said) if isinstance(step, bytes) and b"Hello" in step)
        return [*said[: words + 1], *end]

    return script


def _in_the_event(asked: Asked) -> list[Step]:
    said = hello(asked)
    second = next(step for step in said if isinstance(step, bytes) and b" there" in step)
    assert isinstance(second, bytes)
    half = second.partition(b"\r\n")[2][: len(second) // 2]
    return [*said[: said.index(second)], chunk(half), CLOSE]


LATER: dict[str, tuple[Script, set[str]]] = {
    "later-cut": (_later(CLOSE), {"connection", "malformed"}),
    "later-in-event": (_in_the_event, {"connection", "malformed"}),
    "later-end": (_later(b"0\r\n\r\n"), {"malformed"}),
    "later-reset": (_later(RESET), {"connection"}),
    "later-stall": (_later(STALL), {"timeout"}),
    "later-malformed": (_later(chunk(b"data: {nonsense\n\n"), STALL), {"malformed"}),
}


def long_stream(asked: Asked, events: int = 4000) -> list[Step]:
    """Stream so much that no buffer on the way holds it: 2,500 letters an event."""
    begun = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
    said = hello(asked)
    words = next(number for number, step in enumerate(said) if isinstance(step, bytes) and b"Hello" in step)
    assert isinstance(said[words], bytes)
    event = said[words].partition(b"\r\n")[2][:-2].replace(b"Hello", b"Hello" * 500)
    return [begun, *said[1:words], *[chunk(event)] * events, *said[words + 1 :]]
