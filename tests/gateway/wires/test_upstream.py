"""Calls go where their target is: to recordings, to a program, over HTTP; each with its breakpoints."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.wire import answer, serve
from tokenop.gateway import wires
from tokenop.gateway.model import Call, Identity, Serving, Wire
from tokenop.gateway.upstream import GatewaySender, Upstream
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MissingRecordingError
from tokenop.providers.model import Request, Response, Text, Thinking, ToolCall, Usage
from tokenop.providers.recordings import Recording, Recordings, request_hash
from tokenop.routing.load import load, shipped

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PATIENT = Timeouts(5, 10, 10)
CLAUDE = Target("claude", "anthropic", "claude-x")
ANSWER = Response(
    "claude-x",
    (Thinking("hm", "signed"), Text("Hello"), ToolCall("1", "f", {"a": 1})),
    "tool_calls",
    Usage(7, 2),
    "msg_1",
)


def call_of(wire: Wire, **said: Any) -> Call:
    body = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], **said}
    request = wires.of(wire).read(body, {})
    serving = Serving(load(shipped()), "d", NOW, ())
    return Call("op", wire, body, request, Identity(), {}, serving, NOW, time.monotonic())


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    request = call_of("openai-chat").request
    one = Recording("t", 0, request_hash(request), "anthropic", "claude-x", ANSWER, 1.0, NOW, "sample", "test")
    Recordings(tmp_path).append(one)
    return tmp_path


@pytest.mark.parametrize("wire", ["openai-chat", "anthropic-messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_with_recordings_every_target_is_answered_without_a_key_and_in_either_wire(
    wire: Wire, stream: bool, recordings: Path
) -> None:
    from tokenop.providers.formats import FORMATS

    call = call_of(wire, stream=stream)

    async def asked() -> Response:
        async with GatewaySender({}, recordings) as sender:
            assert sender.usable(CLAUDE) is None
            up = Upstream(sender, None, call)
            request = call.request.to("claude-x")
            if not stream:
                return FORMATS[wire].read_response(wires.of(wire).body(await up.send(request, CLAUDE, PATIENT)))
            writer, reader = wires.of(wire).stream(call.request), FORMATS[wire].reader()
            async for delta in up.stream(request, CLAUDE, PATIENT):
                for _ in reader.feed(writer.write(delta)):
                    pass
            return reader.end()

    found = asyncio.run(asked())
    assert (found.text, found.finish, found.id) == ("Hello", "tool_calls", "msg_1")
    assert [(one.id, one.name, one.arguments) for one in found.tool_calls] == [("1", "f", {"a": 1})]
    thought = found.parts[0]
    assert isinstance(thought, Thinking)
    assert thought.signature == ("signed" if wire == "anthropic-messages" else None)


def test_what_is_not_recorded_is_named_and_nothing_is_sent(recordings: Path) -> None:
    call = call_of("openai-chat", messages=[{"role": "user", "content": "Something else"}])

    async def asked() -> None:
        async with GatewaySender({}, recordings) as sender:
            await Upstream(sender, None, call).send(call.request, CLAUDE, PATIENT)

    with pytest.raises(MissingRecordingError, match="1 other answers"):
        asyncio.run(asked())


def test_whether_a_target_can_be_asked_is_found_out_once() -> None:
    env = {"ANTHROPIC_API_KEY": "k123456"}
    sender = GatewaySender(env)
    twin = replace(CLAUDE)
    assert sender.usable(CLAUDE) is None
    env.clear()
    assert sender.usable(CLAUDE) is None
    assert "ANTHROPIC_API_KEY" in (sender.usable(twin) or "")


def test_a_request_is_sent_as_the_prompt_cache_prepared_it_and_answered_byte_by_byte_all_the_same() -> None:
    call = call_of("anthropic-messages", system="Be brief.")
    body = b'{"type":"message","model":"m","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","new":1}'

    class Prompts:
        def prepared(self, seen: Call, target: Target, request: Request) -> Request:
            assert (seen, target.name) == (call, "claude")
            return replace(request, system=(Text("Be brief.", cache="5m"),), as_sent=None)

        def seen(self, *_arguments: object) -> None:
            """Learn nothing."""

    async def asked(url: str) -> Response:
        target = replace(CLAUDE, base_url=url)
        async with GatewaySender({}) as sender:
            return await Upstream(sender, Prompts(), call).send(call.request.to("claude-x"), target, PATIENT)

    with serve([answer(body)]) as server:
        assert asyncio.run(asked(server.base_url)).raw == body
    assert server.received[0].body["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_a_program_does_not_hold_up_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, gate = tmp_path / "claude", tmp_path / "gate"
    program.write_text(f"#!/bin/sh\nwhile [ ! -e {gate} ]; do sleep 0.01; done\necho '{_SAID}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("CLAUDE_CLI", str(program))
    call = call_of("openai-chat", max_tokens=None)
    target = Target("cli", "claude-cli", "sonnet")

    async def asked() -> Response:
        async with GatewaySender({}) as sender:
            waiting = asyncio.create_task(Upstream(sender, None, call).send(call.request, target, PATIENT))
            await asyncio.sleep(0)
            gate.touch()  # only a loop that goes on gets here
            return await waiting

    assert asyncio.run(asked()).text == "Hello"


_SAID = '{"type":"result","subtype":"success","is_error":false,"result":"Hello","stop_reason":"end_turn"}'
