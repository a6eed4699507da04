"""Recorded answers, told to callers of the other wire, are read by that wire's own SDK, or refused by name."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests import wire as loopback
from tests.gateway.wires import recorded
from tests.wire import Exchange, answer, serve
from tokenop.gateway import wires
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.model import MISSING, Native, Response, Thinking
from tokenop.providers.sending.whole import deltas

ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SSE = {"content_type": "text/event-stream"}
FOLDERS = ("anthropic", "groq", "ollama", "openai_prompt_cache")
OPENAI_ENDS = {"length": "length", "tool_calls": "tool_calls", "refused": "content_filter"}
ANTHROPIC_ENDS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refused": "refusal",
    "stop_sequence": "stop_sequence",
    "paused": "pause_turn",
}


def to_anthropic() -> list[recorded.Answer]:
    return [one for folder in FOLDERS[1:] for one in recorded.answers(folder)]


def streamed(one: recorded.Answer, wire: Any) -> bytes:
    """Return the stream that a caller of `wire` gets: of what was recorded as one piece by piece."""
    writer = wires.of(wire).stream(wires.of(wire).read({**ASKED, "max_tokens": 5, "stream_options": ALL}, {}))
    body = one.exchange.response_body
    pieces = recorded.deltas(one.format, body) if one.exchange.is_stream else deltas(one.response)
    return b"".join(writer.write(piece) for piece in pieces)


ALL = {"include_usage": True}


def written(answers: list[recorded.Answer], wire: Any) -> tuple[list[tuple[Response, bytes, bytes]], Counter[str]]:
    """Return what can be told, whole and as a stream, and how much is refused, by what it names."""
    told, refused = [], Counter[str]()
    for one in answers:
        native = any(isinstance(part, Native) for part in one.response.parts)
        try:
            told.append((one.response, wires.of(wire).body(one.response), streamed(one, wire)))
            assert not native, one.name
        except CannotCarryError as error:
            assert native, one.name
            refused[error.detail] += 1
            with pytest.raises(CannotCarryError):
                streamed(one, wire)
    return told, refused


@contextlib.contextmanager
def served(told: list[tuple[Response, bytes, bytes]]) -> Iterator[str]:
    exchanges: list[Exchange] = []
    for _, whole, stream in told:
        exchanges += [answer(whole), answer(stream, **SSE)]
    with serve(exchanges, loopback.Conduct(piece=1500)) as server:
        yield server.base_url


def calls_of(response: Response) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, call.arguments) for call in response.tool_calls]


def test_anthropics_answers_are_read_by_the_sdks_of_openai_and_groq(shared_data: object) -> None:
    import groq
    import openai

    told, refused = written(recorded.answers("anthropic"), "openai-chat")
    # The others hold what servers' own tools did.
    assert (len(told), refused) == (39, {"openai-chat cannot carry parts of anthropic-messages in an answer": 10})
    for vendor in (openai.OpenAI, groq.Groq):
        with served(told) as url, vendor(api_key="k", base_url=url, max_retries=0) as client:
            for response, _, _ in told:
                whole = client.chat.completions.create(**ASKED)
                assert_openai(response, whole.choices[0].message, whole.choices[0].finish_reason, whole.usage)
                message, finish, usage = gathered(client.chat.completions.create(**ASKED, stream=True))
                assert_openai(response, message, finish, usage)


def assert_openai(response: Response, message: Any, finish: str, usage: Any) -> None:
    assert (message.content or "") == response.text
    found = [
        (one.id, one.function.name, json.loads(one.function.arguments or "{}")) for one in message.tool_calls or ()
    ]
    assert found == calls_of(response)
    assert finish == OPENAI_ENDS.get(response.finish, "stop")
    assert usage.prompt_tokens == response.usage.input_tokens
    assert usage.completion_tokens == response.usage.output_tokens


def gathered(stream: Any) -> tuple[Any, str, Any]:
    """Return the message that a stream of chunks is, why it ended, and its usage."""
    from types import SimpleNamespace

    text, finish, usage = "", "", None
    calls: dict[int, Any] = {}
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for piece in choice.delta.tool_calls or ():
                if piece.index not in calls:
                    function = SimpleNamespace(name=piece.function.name, arguments="")
                    calls[piece.index] = SimpleNamespace(id=piece.id, function=function)
                calls[piece.index].function.arguments += piece.function.arguments or ""
    return SimpleNamespace(content=text, tool_calls=list(calls.values())), finish, usage


def test_answers_of_openais_wire_are_read_by_anthropics_sdk(shared_data: object) -> None:
    import anthropic

    told, refused = written(to_anthropic(), "anthropic-messages")
    assert (len(told), refused) == (22, Counter())
    with served(told) as url, anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        for response, _, _ in told:
            assert_anthropic(response, client.messages.create(**ASKED, max_tokens=5))
            with client.messages.stream(**ASKED, max_tokens=5) as stream:
                assert_anthropic(response, stream.get_final_message())


def assert_anthropic(response: Response, message: Any) -> None:
    assert "".join(block.text for block in message.content if block.type == "text") == response.text
    thought = "".join(part.text for part in response.parts if isinstance(part, Thinking))
    assert "".join(block.thinking for block in message.content if block.type == "thinking") == thought
    found = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert found == calls_of(response)
    assert message.stop_reason == ANTHROPIC_ENDS[response.finish]
    used = message.usage
    assert response.usage != MISSING
    cached = (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
    assert used.input_tokens + cached == response.usage.input_tokens
    assert used.output_tokens == response.usage.output_tokens


def test_what_anthropic_thought_comes_back_signed_through_our_own_form(shared_data: object) -> None:
    signed = 0
    for one in recorded.answers("anthropic"):
        stream = streamed(one, "anthropic-messages")
        *_, end = recorded.deltas(one.format, stream)
        assert end.response is not None
        assert end.response.parts == one.response.parts, one.name
        assert (end.response.finish, end.response.usage) == (one.response.finish, one.response.usage), one.name
        again = one.format.read_response(wires.of("anthropic-messages").body(one.response))
        assert again.parts == one.response.parts, one.name
        signed += any(isinstance(part, Thinking) and bool(part.signature) for part in one.response.parts)
    assert signed == 10
