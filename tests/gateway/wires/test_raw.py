"""Who speaks the provider's wire gets the provider's bytes: all of them, once, in order."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.wires import recorded
from tests.providers.sending.test_over_aiohttp import ENV, target_of
from tests.providers.sending.test_sdks import PATIENT, SSE
from tests.thoroughness import examples
from tests.wire import Conduct, answer, serve
from tokenop.gateway import wires
from tokenop.gateway.model import Wire
from tokenop.providers import errors
from tokenop.providers.base import Target
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Delta, Request
from tokenop.providers.sending.over_aiohttp import AiohttpSender

T = TypeVar("T")
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGES = {**CHAT, "max_tokens": 5}
USAGE = b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
CHUNKS = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
    b": a comment of the server\n\n",
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}],"unknown":{"new":1}}\n\n',
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n',
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    USAGE,
    b"data: [DONE]\n\n",
)
PROVIDERS: dict[Wire, str] = {"openai-chat": "openai-compatible", "anthropic-messages": "anthropic"}


def run(call: Callable[[AiohttpSender], Coroutine[Any, Any, T]]) -> T:
    async def inside() -> T:
        async with AiohttpSender(env=ENV) as sender:
            return await call(sender)

    return asyncio.run(inside())


async def passed(sender: AiohttpSender, wire: Wire, request: Request, target: Target) -> bytes:
    """Return all that a caller is written of a streamed answer."""
    writer = wires.of(wire).stream(request)
    return b"".join([writer.write(delta) async for delta in sender.stream(request, target, PATIENT)])


def streams() -> list[recorded.Answer]:
    return [one for folder in ("anthropic", "groq") for one in recorded.answers(folder) if one.exchange.is_stream]


@settings(max_examples=examples(8, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2**20), max_size=12), st.sampled_from((b"\n", b"\r\n", b"\r")))
def test_recorded_streams_come_out_as_they_went_in_wherever_they_are_cut(
    shared_data: object, cuts: list[int], line_end: bytes
) -> None:
    found = streams()
    assert len(found) == 10
    for one in found:
        body = one.exchange.response_body.replace(b"\n", line_end)
        deltas = recorded.deltas(one.format, body, tuple(cuts), raw=True)
        # Where a return and its line feed come apart, the last line feed of all may be left behind.
        assert b"".join(delta.raw or b"" for delta in deltas).rstrip(b"\n") == body.rstrip(b"\n"), one.name
        assert deltas[-1].response == one.response


@settings(max_examples=examples(30, 300), deadline=None)
@given(st.lists(st.integers(0, 900), max_size=9), st.booleans())
def test_a_chunk_of_usage_goes_to_those_who_asked_for_it(cuts: list[int], asked: bool) -> None:
    body = b"".join(CHUNKS)
    reader = FORMATS["openai-chat"].reader(keep_raw=True, without_usage=not asked)
    places = sorted({0, *(cut % len(body) for cut in cuts), len(body)})
    deltas = [delta for start, end in itertools.pairwise(places) for delta in reader.feed(body[start:end])]
    assert b"".join(delta.raw or b"" for delta in deltas) == (body if asked else body.replace(USAGE, b""))
    assert deltas[-1].response is not None
    assert (deltas[-1].response.text, deltas[-1].response.usage.input_tokens) == ("Hello", 7)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("piece", [1, 7, None])
def test_a_stream_passes_through_byte_by_byte_and_its_usage_is_known(asked: bool, piece: int | None) -> None:
    body = {**CHAT, "stream": True, **({"stream_options": {"include_usage": True}} if asked else {})}
    request = wires.of("openai-chat").read(body, {})
    with serve([answer(b"".join(CHUNKS), **SSE)], Conduct(piece=piece)) as server:
        target = target_of("openai-compatible", server.base_url)
        written = run(lambda sender: passed(sender, "openai-chat", request, target))
    assert written == b"".join(chunk for chunk in CHUNKS if asked or chunk != USAGE)
    assert server.received[0].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("wire", PROVIDERS)
def test_a_whole_answer_is_handed_back_as_it_came(wire: Wire) -> None:
    said = {"openai-chat": _WHOLE, "anthropic-messages": _MESSAGE}[wire]
    body = json.dumps({**said, "unknown": [1, {"new": None}]}, indent=3).encode()
    caller = wires.of(wire)
    request = caller.read(MESSAGES, {})
    with serve([answer(body)]) as server:
        target = target_of(PROVIDERS[wire], server.base_url)
        response = run(lambda sender: sender.send(request, target, PATIENT))
    assert caller.body(response) == body
    assert response.usage.output_tokens == 2


@pytest.mark.parametrize("wire", PROVIDERS)
def test_what_a_caller_of_the_same_wire_sent_arrives_with_all_that_nobody_here_knows(wire: Wire) -> None:
    body = {**MESSAGES, "unknown": {"new": [1.5, None]}, "messages": [{"role": "user", "content": "Hi", "odd": True}]}
    request = wires.of(wire).read(body, {"anthropic-version": "2024-01-01", "anthropic-beta": "b-1, b-2"})
    with serve([answer(b"{}")]) as server:
        target = target_of(PROVIDERS[wire], server.base_url)
        with pytest.raises(errors.MalformedError):
            run(lambda sender: sender.send(request, target, PATIENT))
    received = server.received[0]
    assert {**received.body, "stream": False} == {**body, "model": "m", "stream": False}
    if wire == "anthropic-messages":
        assert received.headers["anthropic-version"] == "2024-01-01"
        assert received.headers["anthropic-beta"] == "b-1,b-2"


@pytest.mark.parametrize(("wire", "other"), [("openai-chat", "anthropic"), ("anthropic-messages", "openai-compatible")])
def test_bytes_of_another_wire_are_never_handed_on(wire: Wire, other: str) -> None:
    said = _MESSAGE if other == "anthropic" else _WHOLE
    request = wires.of(wire).read(MESSAGES, {})
    with serve([answer(said)]) as server:
        target = target_of(other, server.base_url)
        response = run(lambda sender: sender.send(request, target, PATIENT))
    assert response.raw is None
    assert json.loads(wires.of(wire).body(response))["model"] == "m"


def test_a_body_of_megabytes_goes_out_whole_and_without_a_warning() -> None:
    words = "word " * 1_000_000
    request = wires.of("openai-chat").read({**CHAT, "messages": [{"role": "user", "content": words}]}, {})
    with serve([answer(_WHOLE)]) as server:
        target = target_of("openai-compatible", server.base_url)
        assert run(lambda sender: sender.send(request, target, PATIENT)).text == "Hello"
    assert server.received[0].body["messages"][0]["content"] == words
    assert int(server.received[0].headers["content-length"]) == len(server.received[0].raw)


def test_a_sender_that_is_closed_while_a_stream_still_ends_leaves_nothing_open() -> None:
    request = wires.of("openai-chat").read({**CHAT, "stream": True}, {})

    async def at_once(sender: AiohttpSender) -> bytes:
        return await passed(sender, "openai-chat", request, target)

    # All that counts has come; the end of the bytes never does.
    body = b"".join(CHUNKS)
    with serve([answer(body, **SSE)], Conduct(stall_after=len(body))) as server:
        target = target_of("openai-compatible", server.base_url)
        assert run(at_once)


def test_a_connection_serves_the_next_call_after_a_stream() -> None:
    request = wires.of("openai-chat").read({**CHAT, "stream": True}, {})

    async def both() -> int:
        connections = 0

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while head := await reader.read(65536):
                del head
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                for chunk in CHUNKS:
                    writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    await writer.drain()
                await asyncio.sleep(0)
                writer.write(b"0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server, AiohttpSender(env=ENV) as sender:
            port = server.sockets[0].getsockname()[1]
            target = target_of("openai-compatible", f"http://127.0.0.1:{port}")
            for _ in range(3):
                assert await passed(sender, "openai-chat", request, target)
                while sender.leaving:
                    await asyncio.sleep(0)
        return connections

    assert asyncio.run(both()) == 1


def test_a_failure_in_mid_stream_is_no_part_of_what_was_passed_on() -> None:
    body = b"".join(CHUNKS[:4]) + b'data: {"error":{"message":"overloaded","code":"over_capacity"}}\n\n'
    request = wires.of("openai-chat").read({**CHAT, "stream": True}, {})
    written: list[bytes] = []

    async def broken(sender: AiohttpSender) -> None:
        writer = wires.of("openai-chat").stream(request)
        try:
            async for delta in sender.stream(request, target, PATIENT):
                written.append(writer.write(delta))
        except errors.OverloadedError as error:
            written.append(writer.fail(error))

    with serve([answer(body, **SSE)]) as server:
        target = target_of("openai-compatible", server.base_url)
        run(broken)
    assert b"".join(written[:-1]) == b"".join(CHUNKS[:4])
    assert written[-1].count(b'"error"') == 1


def test_which_wire_answers_is_seen_with_the_first_piece() -> None:
    writer = wires.of("anthropic-messages").stream(wires.of("anthropic-messages").read(MESSAGES, {}))
    assert writer.write(Delta("start", name="m")).startswith(b"event: message_start\n")
    assert b"content_block_start" in writer.write(Delta("text", 0, "Hi"))
    writer = wires.of("anthropic-messages").stream(wires.of("anthropic-messages").read(MESSAGES, {}))
    assert writer.write(Delta("start", name="m", raw=b"as it came")) == b"as it came"
    assert writer.write(Delta("text", 0, "Hi")) == b""


_MESSAGE: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
_WHOLE: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
