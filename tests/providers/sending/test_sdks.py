"""The vendors' SDKs as senders, against servers that answer, fail, stall and break off."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.wire import Conduct, Exchange, Server, answer, serve
from tokenop.providers import errors
from tokenop.providers.base import Sender, Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Message, Request, Response, Text, Tool, Usage
from tokenop.providers.sending import sender_for

KEY = "gsk_secret1234567890"
REQUEST = Request("m", (Message("user", (Text("Hi"),)),), max_output_tokens=5)
PATIENT = Timeouts(connect=5, first_token=10, total=10)


@dataclass(frozen=True)
class Wire:
    """A provider, and how its server says the same things."""

    provider: str
    path: str
    whole: bytes
    stream: bytes
    error: Callable[[str], dict[str, Any]]


def _chunk(**said: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", "model": "m", **said}).encode() + b"\n\n"


_USAGE = {"prompt_tokens": 7, "completion_tokens": 2}
_WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": _USAGE,
}
_STREAM = b"".join(
    (
        _chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]),
        _chunk(choices=[{"index": 0, "delta": {"content": "lo"}}]),
        _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=_USAGE),
        b"data: [DONE]\n\n",
    )
)
_OLLAMA_END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 2}
_OLLAMA_STREAM = b"".join(
    json.dumps({"model": "m", "message": {"role": "assistant", "content": words}, **more}).encode() + b"\n"
    for words, more in (("Hel", {"done": False}), ("lo", {"done": False}), ("", _OLLAMA_END))
)
_OLLAMA_WHOLE = {"model": "m", "message": {"role": "assistant", "content": "Hello"}, **_OLLAMA_END}

WIRES = {
    wire.provider: wire
    for wire in (
        Wire(provider, "/chat/completions", json.dumps(_WHOLE).encode(), _STREAM, lambda m: {"error": {"message": m}})
        for provider in ("groq", "openai-compatible")
    )
} | {"ollama": Wire("ollama", "/api/chat", json.dumps(_OLLAMA_WHOLE).encode(), _OLLAMA_STREAM, lambda m: {"error": m})}

SSE = {"content_type": "text/event-stream"}


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setenv("TEST_API_KEY", KEY)
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "OLLAMA_API_KEY", "OPENAI_ORG_ID"):
        monkeypatch.setenv(name, "never-to-be-sent")
    return WIRES[request.param]


def target_of(wire: Wire, server: Server, key: bool = True) -> Target:
    return Target("t", wire.provider, "m", base_url=server.base_url, api_key_env="TEST_API_KEY" if key else None)


def last(sender: Sender, target: Target, timeouts: Timeouts = PATIENT) -> Response:
    *_, end = sender.stream(REQUEST, target, timeouts)
    assert end.kind == "end"
    assert end.response is not None
    return end.response


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """Yield a list; the senders in it are closed."""
    senders: list[Any] = []
    yield senders
    for sender in senders:
        sender.close()


def test_whole_and_streamed_answers_are_the_same(wire: Wire, opened: list[Any]) -> None:
    with serve([answer(wire.whole), answer(wire.stream, **SSE)], Conduct(piece=7)) as server:
        target = target_of(wire, server)
        sender = sender_for(target)
        opened.append(sender)
        for response in (sender.send(REQUEST, target, PATIENT), last(sender, target)):
            assert (response.text, response.finish, response.usage) == ("Hello", "stop", Usage(7, 2))
    assert [received.path for received in server.received] == [wire.path] * 2
    assert [received.body["stream"] for received in server.received] == [False, True]
    for received in server.received:
        assert received.headers["authorization"] == f"Bearer {KEY}"


def test_a_server_that_needs_no_key_gets_none(wire: Wire, opened: list[Any]) -> None:
    with serve([answer(wire.whole)]) as server:
        target = target_of(wire, server, key=False)
        opened.append(sender_for(target))
        opened[0].send(REQUEST, target, PATIENT)
    assert "authorization" not in server.received[0].headers
    assert "never-to-be-sent" not in str(server.received[0].headers)


FAILURES: tuple[tuple[int, str, type[ProviderError]], ...] = (
    (400, "bad", errors.BadRequestError),
    (401, f"wrong key {KEY}", errors.AuthError),
    (404, "model 'm' not found", errors.NotFoundError),
    (429, "try again in 1.5s", errors.RateLimitedError),
    (500, "boom", errors.ServerError),
    (503, "no room", errors.OverloadedError),
    (307, "elsewhere", errors.MalformedError),
)


@pytest.mark.parametrize(("status", "words", "kind"), FAILURES)
def test_every_failure_is_told_by_its_type_once_and_without_the_key(
    wire: Wire, opened: list[Any], status: int, words: str, kind: type[ProviderError]
) -> None:
    failed = answer(wire.error(words), status, x_request_id="r1", location="http://127.0.0.1:1/")
    with serve([failed, failed]) as server:
        target = target_of(wire, server)
        sender = sender_for(target)
        opened.append(sender)
        for ask in (lambda: sender.send(REQUEST, target, PATIENT), lambda: last(sender, target)):
            with pytest.raises(kind) as raised:
                ask()
            error = raised.value
            assert (error.provider, error.model, error.status, error.request_id) == (wire.provider, "m", status, "r1")
            assert not error.after_first_token
            assert KEY not in str(error)
            assert error.retry_after == (1.5 if status == 429 else None)
    assert len(server.received) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"{}", b"[1]"])
def test_what_is_no_answer_is_malformed(wire: Wire, opened: list[Any], body: bytes) -> None:
    with serve([answer(body), answer(body, **SSE)]) as server:
        target = target_of(wire, server)
        sender = sender_for(target)
        opened.append(sender)
        with pytest.raises(errors.MalformedError):
            sender.send(REQUEST, target, PATIENT)
        with pytest.raises(errors.MalformedError):
            last(sender, target)


def test_a_stream_that_breaks_off_says_that_something_had_come(wire: Wire, opened: list[Any]) -> None:
    with serve([answer(wire.stream, **SSE)], Conduct(break_after=len(wire.stream) // 2)) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        with pytest.raises((errors.ConnectionFailedError, errors.MalformedError)) as raised:
            last(opened[0], target)
        assert raised.value.after_first_token


def test_nobody_there_is_a_failed_connection(wire: Wire, opened: list[Any]) -> None:
    with serve([]) as server:
        target = target_of(wire, server)
    opened.append(sender_for(target))
    for ask in (lambda: opened[0].send(REQUEST, target, PATIENT), lambda: last(opened[0], target)):
        with pytest.raises(errors.ConnectionFailedError) as raised:
            ask()
        assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("stall_after", "timeouts", "phase"),
    [
        (0, Timeouts(5, 0.1, 5), "first_token"),
        (0, Timeouts(5, 5, 0.1), "total"),
        (None, Timeouts(5, 5, 0.2), "total"),
    ],
)
def test_a_stream_is_not_waited_for_longer_than_allowed(
    wire: Wire, opened: list[Any], stall_after: int | None, timeouts: Timeouts, phase: str
) -> None:
    after = len(wire.stream) // 2 if stall_after is None else stall_after
    with serve([answer(wire.stream, **SSE)], Conduct(stall_after=after)) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        with pytest.raises(errors.TimedOutError) as raised:
            last(opened[0], target, timeouts)
    assert raised.value.phase == phase
    assert raised.value.after_first_token == (stall_after is None)


def test_an_answer_is_not_waited_for_longer_than_allowed(wire: Wire, opened: list[Any]) -> None:
    with serve([answer(wire.whole)], Conduct(stall_after=3)) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        with pytest.raises(errors.TimedOutError) as raised:
            opened[0].send(REQUEST, target, Timeouts(5, 5, 0.1))
    assert raised.value.phase == "total"


def test_many_threads_share_a_sender(wire: Wire, opened: list[Any]) -> None:
    def echo(number: int) -> Exchange:
        return answer(wire.whole.replace(b"Hello", f"Hello {number}".encode()))

    with serve([echo(number) for number in range(24)]) as server:
        target = target_of(wire, server)
        sender = sender_for(target)
        opened.append(sender)
        with ThreadPoolExecutor(6) as pool:
            told = sorted(pool.map(lambda _: sender.send(REQUEST, target, PATIENT).text, range(24)))
    assert told == sorted(f"Hello {number}" for number in range(24))


def test_who_stops_listening_leaves_no_thread_behind(wire: Wire, opened: list[Any]) -> None:
    with serve([answer(wire.stream, **SSE)], Conduct(stall_after=len(wire.stream) // 2)) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        stream = opened[0].stream(REQUEST, target, PATIENT)
        assert next(stream).kind == "start"
        reading = [thread for thread in threading.enumerate() if thread.name == "answer"]
        assert len(reading) == 1
        stream.close()
        reading[0].join(timeout=5)
        assert not reading[0].is_alive()


def test_the_schema_of_a_tool_arrives_whole(wire: Wire, opened: list[Any]) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {"b": {"type": "string", "minLength": 1}}}},
        "additionalProperties": False,
    }
    with serve([answer(wire.whole)]) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        request = Request("m", REQUEST.messages, tools=(Tool("f", schema=schema),))
        opened[0].send(request, target, PATIENT)
    assert server.received[0].body["tools"][0]["function"]["parameters"] == schema


def test_what_json_cannot_hold_is_refused_before_it_is_sent(wire: Wire, opened: list[Any]) -> None:
    with serve([]) as server:
        target = target_of(wire, server)
        opened.append(sender_for(target))
        with pytest.raises(errors.CannotCarryError):
            opened[0].send(Request("m", (Message("user", (Text("\ud800"),)),)), target, PATIENT)
    assert not server.received


def test_a_key_that_no_header_can_hold_is_told_without_it(
    wire: Wire, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_KEY", "gsk\nbad-key-é")
    with serve([answer(wire.whole)]) as server:
        target = target_of(wire, server)
        with pytest.raises(errors.NotUsableError, match="TEST_API_KEY holds a space") as raised:
            sender_for(target)
    assert "bad-key" not in str(raised.value)
    assert not server.received
