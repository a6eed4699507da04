"""The official SDK against a loopback server: what it is told, and what every failure becomes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.providers.anthropic.test_streams import START, STOP, ended, text
from tests.wire import Conduct, Exchange, answer, serve
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import (
    AuthError,
    CannotCarryError,
    ConnectionFailedError,
    MalformedError,
    NotFoundError,
    NotUsableError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    RefusedError,
    ServerError,
    TimedOutError,
)
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.model import Message, Request, Text
from tokenop.providers.sending import bounded
from tokenop.providers.sending.anthropic_sdk import sender
from tokenop.providers.sending.stainless import StainlessSender

KEY = "sk-ant-api03-abcdefghijklmnop"
PATIENT = Timeouts(connect=5, first_token=20, total=20)
REQUEST = Request("claude-opus-4-8", (Message("user", (Text("Hi"),)),), max_output_tokens=9, temperature=0.0)
ANSWER = {"id": "msg_1", "model": "claude-opus-4-8", "content": [{"type": "text", "text": "Hello"}]}
ANSWER |= {"stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}}
STREAM = START + text("Hel") + text("lo", 1) + ended(output_tokens=2)


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Iterator[StainlessSender]:
    """Yield a sender, with a key in the environment and nothing else of Anthropic's."""
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    found = sender()
    yield found
    found.close()


def target(base_url: str | None, **options: Any) -> Target:
    return Target("t", "anthropic", REQUEST.model, base_url, "ANTHROPIC_API_KEY", options=options)


def events(body: bytes) -> Exchange:
    return answer(body, content_type="text/event-stream")


def ask(sending: StainlessSender, place: Target, timeouts: Timeouts, stream: bool) -> None:
    if stream:
        list(sending.stream(REQUEST, place, timeouts))
    else:
        sending.send(REQUEST, place, timeouts)


def failed(sending: StainlessSender, exchange: Exchange, conduct: Conduct, timeouts: Timeouts, stream: bool) -> Any:
    with serve([exchange], conduct) as server, pytest.raises(ProviderError) as caught:
        ask(sending, target(server.base_url), timeouts, stream)
    assert (caught.value.provider, caught.value.model) == ("anthropic", REQUEST.model)
    assert KEY not in str(caught.value)
    return caught.value


def test_the_sdk_adds_nothing_but_headers(sending: StainlessSender) -> None:
    with serve([answer(ANSWER)]) as server:
        response = sending.send(REQUEST, target(server.base_url, betas=("context-1m-2025-08-07",)), PATIENT)
    (received,) = server.received
    wire = FORMAT.write_request(REQUEST, target(server.base_url, betas=("context-1m-2025-08-07",)))
    assert (received.method, received.path, received.body) == (wire.method, wire.path, wire.body)
    assert {name: received.headers[name] for name in wire.headers} == wire.headers
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert response == FORMAT.read_response(json.dumps(ANSWER).encode())


def test_a_stream_comes_piece_by_piece_and_ends_whole(sending: StainlessSender) -> None:
    with serve([events(STREAM)], Conduct(piece=11)) as server:
        deltas = list(sending.stream(REQUEST, target(server.base_url), PATIENT))
    assert server.received[0].body["stream"] is True
    assert [delta.text for delta in deltas if delta.kind == "text" and delta.text] == ["Hel", "lo"]
    assert deltas[-1].response is not None
    assert deltas[-1].response.text == "Hello"


def test_whether_it_streams_is_the_callers_choice_and_not_the_requests(sending: StainlessSender) -> None:
    with serve([answer(ANSWER)]) as server:
        sending.send(replace(REQUEST, stream=True), target(server.base_url), PATIENT)
    assert "stream" not in server.received[0].body


def test_the_targets_own_address_wins_over_the_environment(
    sending: StainlessSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve([answer(ANSWER)]) as mine, serve([answer(ANSWER)]) as environment:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", environment.base_url)
        sending.send(REQUEST, target(mine.base_url), PATIENT)
        assert (len(mine.received), len(environment.received)) == (1, 0)
        sending.send(REQUEST, target(None), PATIENT)
        assert (len(mine.received), len(environment.received)) == (1, 1)


def test_without_a_key_nothing_is_sent(sending: StainlessSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with serve([answer(ANSWER)]) as server, pytest.raises(NotUsableError, match="ANTHROPIC_API_KEY is not set"):
        sending.send(REQUEST, target(server.base_url), PATIENT)
    assert server.received == []


def test_many_threads_share_one_sender(sending: StainlessSender) -> None:
    with serve([answer(ANSWER)] * 12) as server, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: sending.send(REQUEST, target(server.base_url), PATIENT).text, range(12)))
    assert found == ["Hello"] * 12


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, "authentication_error", AuthError),
        (403, "permission_error", AuthError),
        (404, "not_found_error", NotFoundError),
        (429, "rate_limit_error", RateLimitedError),
        (500, "api_error", ServerError),
        (529, "overloaded_error", OverloadedError),
        (400, "invalid_request_error", RefusedError),
    ],
)
def test_every_status_is_a_typed_error_and_is_asked_once(
    sending: StainlessSender, status: int, kind: str, expected: type[ProviderError], stream: bool
) -> None:
    told = {"type": "error", "error": {"type": kind, "message": f"blocked by content filtering policy {KEY}"}}
    exchange = answer(told, status, retry_after="7", request_id="req_9")
    error = failed(sending, exchange, Conduct(), PATIENT, stream)
    assert type(error) is expected
    assert (error.status, error.retry_after, error.request_id) == (status, 7.0, "req_9")
    assert not error.after_first_token


def test_an_error_is_not_asked_again(sending: StainlessSender) -> None:
    with serve([answer({}, 529), answer(ANSWER)]) as server, pytest.raises(OverloadedError):
        sending.send(REQUEST, target(server.base_url), PATIENT)
    assert len(server.received) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_there_is_a_failed_connection(sending: StainlessSender, stream: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        place = target(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConnectionFailedError):
            ask(sending, place, PATIENT, stream)


SHORT = Timeouts(connect=5, first_token=0.15, total=20)
BRIEF = Timeouts(connect=5, first_token=20, total=0.15)


@pytest.mark.parametrize(
    ("after", "timeouts", "phase", "begun"),
    [
        (0, SHORT, "first_token", False),
        (len(START), SHORT, "first_token", False),
        (0, BRIEF, "total", False),
        # Long enough for the first token to come on a busy machine.
        (len(START + text("Hel")), Timeouts(connect=5, first_token=20, total=1), "total", True),
    ],
)
def test_a_stream_that_stalls_says_before_or_after_the_first_token(
    sending: StainlessSender, after: int, timeouts: Timeouts, phase: str, begun: bool
) -> None:
    error = failed(sending, events(STREAM), Conduct(stall_after=after), timeouts, stream=True)
    assert isinstance(error, TimedOutError)
    assert (error.phase, error.after_first_token) == (phase, begun)


def test_an_answer_that_stalls_is_not_waited_for(sending: StainlessSender) -> None:
    for after in (0, 20):
        error = failed(sending, answer(ANSWER), Conduct(stall_after=after), BRIEF, stream=False)
        assert isinstance(error, TimedOutError)
        assert (error.phase, error.after_first_token) == ("total", False)


def test_no_connection_in_time_is_its_own_phase(sending: StainlessSender, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise httpx2.ConnectTimeout("slow")

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", never)
    with pytest.raises(TimedOutError) as caught:
        sending.send(REQUEST, target("http://127.0.0.1:9"), PATIENT)
    assert caught.value.phase == "connect"


@pytest.mark.parametrize(
    ("after", "begun"), [(len(START), False), (len(START + text("Hel")), True), (len(STREAM) - len(STOP), True)]
)
def test_a_connection_that_breaks_says_whether_the_answer_had_begun(
    sending: StainlessSender, after: int, begun: bool
) -> None:
    error = failed(sending, events(STREAM), Conduct(break_after=after), PATIENT, stream=True)
    assert isinstance(error, ConnectionFailedError | MalformedError)
    assert error.after_first_token is begun


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>", b'{"content": 1}'])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_none_is_malformed(sending: StainlessSender, body: bytes, stream: bool) -> None:
    error = failed(sending, answer(body), Conduct(), PATIENT, stream)
    assert isinstance(error, MalformedError)


def test_what_json_cannot_hold_is_refused_before_it_is_sent(sending: StainlessSender) -> None:
    half = replace(REQUEST, messages=(Message("user", (Text("\ud800"),)),))
    with serve([answer(ANSWER)]) as server, pytest.raises(CannotCarryError):
        sending.send(half, target(server.base_url), PATIENT)
    assert server.received == []


def test_an_answer_without_end_is_not_read_until_memory_is_full(
    sending: StainlessSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LARGEST", 1000)
    error = failed(sending, events(START + text("x" * 5000)), Conduct(piece=100), PATIENT, stream=True)
    assert isinstance(error, MalformedError)


def test_whoever_stops_reading_leaves_no_thread_waiting(sending: StainlessSender) -> None:
    before = set(threading.enumerate())
    with serve([events(STREAM)], Conduct(stall_after=len(START + text("Hel")))) as server:
        stream = sending.stream(REQUEST, target(server.base_url), PATIENT)
        assert next(stream).kind == "start"
        stream.close()
        readers = [thread for thread in set(threading.enumerate()) - before if thread.name == "answer"]
        for thread in readers:
            thread.join(timeout=5)
        assert not any(thread.is_alive() for thread in readers)
