"""Plain aiohttp puts the same on the wire as the SDKs do, and fails in the same ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from tests.providers.sending.test_sdks import FAILURES, KEY, PATIENT, REQUEST, SSE, WIRES, Wire
from tests.wire import Conduct, Received, answer, exchanges, serve
from tokenop.providers import errors
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Delta, Message, Request, Response, Text, Tool, Usage
from tokenop.providers.registry import PROVIDERS
from tokenop.providers.sending import sender_for
from tokenop.providers.sending.over_aiohttp import AiohttpSender

T = TypeVar("T")
ENV = {"TEST_API_KEY": KEY}
# How one was let in, and what is sent: that must be the same. What a library says of itself need not be.
_RELEVANT = ("authorization", "x-api-key", "anthropic-version", "anthropic-beta", "content-type", "accept")


@dataclass
class Answered:
    """What one call gave."""

    response: Response
    deltas: list[Delta]


def run(call: Callable[[AiohttpSender], Coroutine[Any, Any, T]]) -> T:
    async def inside() -> T:
        async with AiohttpSender(env=ENV) as sender:
            return await call(sender)

    return asyncio.run(inside())


async def gathered(deltas: AsyncIterator[Delta]) -> list[Delta]:
    return [delta async for delta in deltas]


def target_of(provider: str, base_url: str) -> Target:
    return Target("t", provider, "m", base_url=base_url, api_key_env="TEST_API_KEY")


def sent(received: Received) -> tuple[str, str, Any, dict[str, str | None]]:
    return received.method, received.path, received.body, {name: received.headers.get(name) for name in _RELEVANT}


RICH = Request(
    "m",
    (Message("user", (Text("Grüße 🌍"),)),),
    system=(Text("Be brief."),),
    tools=(Tool("f", "d", {"type": "object", "properties": {"a": {"type": "string"}}}),),
    max_output_tokens=5,
    temperature=0.5,
    stop=("END",),
)
_ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 2},
}


@pytest.mark.parametrize("provider", [*WIRES, "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_and_aiohttp_put_the_same_on_the_wire(
    provider: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_KEY", KEY)
    body = json.dumps(_ANTHROPIC).encode() if provider == "anthropic" else WIRES[provider].whole
    with serve([answer(body)] * 2) as server:
        target = target_of(provider, server.base_url)
        sender: Any = sender_for(target)
        if stream:
            # The answer is none of a stream; what was asked is what counts.
            with contextlib.suppress(ProviderError):
                list(sender.stream(RICH, target, PATIENT))
            with contextlib.suppress(ProviderError):
                run(lambda plain: gathered(plain.stream(RICH, target, PATIENT)))
        else:
            assert sender.send(RICH, target, PATIENT) == run(lambda plain: plain.send(RICH, target, PATIENT))
        sender.close()
    with_sdk, without = (sent(received) for received in server.received)
    assert with_sdk == without


@pytest.mark.parametrize("folder", ["groq", "ollama", "openai_prompt_cache", "anthropic"])
def test_recorded_exchanges_come_through_as_the_format_reads_them(folder: str, shared_data: object) -> None:
    provider = {"groq": "groq", "anthropic": "anthropic"}.get(folder, "openai-compatible")
    wire_format = FORMATS[PROVIDERS[provider].format]
    end = "/v1/messages" if provider == "anthropic" else "/chat/completions"
    found = [each for each in exchanges(folder) if each.request_path.partition("?")[0].endswith(end)]
    asked = [wire_format.read_request(each.request_body or {}) for each in found]

    async def all_of(sender: AiohttpSender, base_url: str) -> list[Response | type[ProviderError]]:
        results: list[Response | type[ProviderError]] = []
        for request in asked:
            target = Target("t", provider, request.model, base_url=base_url)
            try:
                if request.stream:
                    *_, last = await gathered(sender.stream(request, target, PATIENT))
                    assert last.response is not None
                    results.append(last.response)
                else:
                    results.append(await sender.send(request, target, PATIENT))
            except ProviderError as error:
                results.append(type(error))
        return results

    with serve(found) as server:
        results = run(lambda sender: all_of(sender, server.base_url))
    for exchange, request, result, received in zip(found, asked, results, server.received, strict=True):
        target = Target("t", provider, request.model, base_url=server.base_url)
        assert received.body == json.loads(json.dumps(wire_format.write_request(request, target).body))
        if exchange.status >= 400:
            expected = wire_format.read_error(exchange.status, exchange.response_headers, exchange.response_body)
            assert result is type(expected)
        elif not exchange.is_stream:
            assert result == wire_format.read_response(exchange.response_body)
        else:
            assert isinstance(result, Response) or result is errors.MalformedError


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


def test_whole_and_streamed_answers_are_the_same(wire: Wire) -> None:
    with serve([answer(wire.whole), answer(wire.stream, **SSE)], Conduct(piece=7)) as server:
        target = target_of(wire.provider, server.base_url)
        whole = run(lambda sender: sender.send(REQUEST, target, PATIENT))
        deltas = run(lambda sender: gathered(sender.stream(REQUEST, target, PATIENT)))
    assert (whole.text, whole.usage) == ("Hello", Usage(7, 2))
    assert deltas[-1].response is not None
    assert deltas[-1].response.parts == whole.parts


@pytest.mark.parametrize(("status", "words", "kind"), FAILURES)
def test_every_failure_is_told_by_its_type(wire: Wire, status: int, words: str, kind: type[ProviderError]) -> None:
    failed = answer(wire.error(words), status, x_request_id="r1", location="http://127.0.0.1:1/")
    with serve([failed]) as server:
        target = target_of(wire.provider, server.base_url)
        with pytest.raises(kind) as raised:
            run(lambda sender: sender.send(REQUEST, target, PATIENT))
    assert (raised.value.provider, raised.value.status, raised.value.request_id) == (wire.provider, status, "r1")
    assert KEY not in str(raised.value)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("conduct", "timeouts", "phase"),
    [
        (Conduct(stall_after=0), Timeouts(5, 0.1, 5), "first_token"),
        (Conduct(stall_after=0), Timeouts(5, 5, 0.1), "total"),
        (Conduct(stall_after=150), Timeouts(5, 5, 0.2), "total"),
    ],
)
def test_a_stream_is_not_waited_for_longer_than_allowed(
    wire: Wire, conduct: Conduct, timeouts: Timeouts, phase: str
) -> None:
    with serve([answer(wire.stream, **SSE)], conduct) as server:
        target = target_of(wire.provider, server.base_url)
        with pytest.raises(errors.TimedOutError) as raised:
            run(lambda sender: gathered(sender.stream(REQUEST, target, timeouts)))
    assert raised.value.phase == phase
    assert raised.value.after_first_token == (conduct.stall_after != 0)


def test_a_broken_stream_says_that_something_had_come(wire: Wire) -> None:
    with serve([answer(wire.stream, **SSE)], Conduct(break_after=150)) as server:
        target = target_of(wire.provider, server.base_url)
        with pytest.raises((errors.ConnectionFailedError, errors.MalformedError)) as raised:
            run(lambda sender: gathered(sender.stream(REQUEST, target, PATIENT)))
    assert raised.value.after_first_token


def test_nobody_there_is_a_failed_connection(wire: Wire) -> None:
    with serve([]) as server:
        target = target_of(wire.provider, server.base_url)
    with pytest.raises(errors.ConnectionFailedError):
        run(lambda sender: sender.send(REQUEST, target, PATIENT))


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenop.providers.sending.bounded.LARGEST", 100)
    with serve([answer(b"x" * 1000)]) as server:
        target = target_of("groq", server.base_url)
        with pytest.raises(errors.MalformedError, match="larger than"):
            run(lambda sender: sender.send(REQUEST, target, PATIENT))


def test_a_missing_key_and_a_closed_sender_are_told() -> None:
    target = Target("t", "groq", "m")
    with pytest.raises(errors.NotUsableError, match="GROQ_API_KEY is not set"):
        run(lambda sender: sender.send(REQUEST, target, PATIENT))
    closed = AiohttpSender(env=ENV)
    with pytest.raises(errors.NotUsableError, match="not open"):
        asyncio.run(closed.send(REQUEST, target_of("groq", "http://127.0.0.1:1"), PATIENT))


def test_a_cancelled_call_closes_its_connection() -> None:
    wire = WIRES["groq"]

    async def cancelled(sender: AiohttpSender) -> None:
        stream = sender.stream(REQUEST, target, PATIENT)
        assert (await anext(stream)).kind == "start"
        await stream.aclose()

    with serve([answer(wire.stream, **SSE)], Conduct(stall_after=150)) as server:
        target = target_of("groq", server.base_url)
        run(cancelled)
    assert len(server.received) == 1
