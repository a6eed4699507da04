"""One place of a body at a time holds what it must not: whatever comes of it, it is one of our errors."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.hostile import ERROR, REQUESTS, RESPONSES, STREAMS
from tokenop.providers.base import Target
from tokenop.providers.errors import BadRequestError, CannotCarryError, ProviderError
from tokenop.providers.formats import FORMATS
from tokenop.providers.formats.said import retry_after
from tokenop.providers.model import AnswerFormat, Delta, Message, Request, Text, ToolCall

_WRONG: tuple[Any, ...] = (None, True, -1, 2**70, 1.5, "", "\0\ud800", [], [None], [[1]], {}, {"type": [1]}, {"a": 1})
TARGETS = {
    "anthropic-messages": Target("a", "anthropic", "claude-sonnet-4-6"),
    "openai-chat": Target("o", "openai-compatible", "m"),
    "ollama-chat": Target("l", "ollama", "m"),
}
ANSWERING = ("anthropic-messages", "openai-chat")
SAID = Request("m", (Message("user", (Text("Hi"),)),))


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in `document`, itself first."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    for key, value in items:
        yield from places(value, (*path, key))


def with_wrong(document: Any) -> Iterator[Any]:
    """Yield `document` with each wrong value in each place, and without each place."""
    for path in places(document):
        for wrong in _WRONG:
            yield _put(document, path, wrong)
        if path:
            less = copy.deepcopy(document)
            holder = less
            for key in path[:-1]:
                holder = holder[key]
            del holder[path[-1]]
            yield less


def _put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = _put(document[path[0]], path[1:], value)
    return changed


@pytest.mark.parametrize("name", FORMATS)
def test_no_request_breaks_a_format(name: str) -> None:
    read = 0
    for body in with_wrong(REQUESTS[name]):
        try:
            request = FORMATS[name].read_request(body)
        except BadRequestError:
            continue
        read += 1
        for other, target in TARGETS.items():
            try:
                FORMATS[other].write_request(request, target)
            except CannotCarryError:
                continue
    assert read > 100


@pytest.mark.parametrize("name", FORMATS)
def test_no_answer_breaks_a_format(name: str) -> None:
    read = 0
    for body in with_wrong(RESPONSES[name]):
        try:
            response = FORMATS[name].read_response(json.dumps(body).encode())
        except ProviderError:
            continue
        read += 1
        for other in ANSWERING:
            try:
                FORMATS[other].write_response(response)  # these two can be answered in
            except CannotCarryError:
                continue
    assert read > 100


@pytest.mark.parametrize("name", FORMATS)
def test_no_stream_breaks_a_format_and_none_ends_twice(name: str) -> None:
    whole = 0
    for events in with_wrong(STREAMS[name]):
        deltas: list[Delta] = []
        reader = FORMATS[name].reader()
        begin = b"" if name == "ollama-chat" else b"data: "
        try:
            for event in events if isinstance(events, list) else ():
                deltas += reader.feed(begin + json.dumps(event).encode() + b"\n\n")
            reader.end()
        except ProviderError:
            continue
        whole += 1
        assert [delta.kind for delta in deltas].count("end") <= 1
        for other in ANSWERING:
            writer = FORMATS[other].writer()  # these two can be answered in
            try:
                for delta in deltas:
                    writer.write(delta)
            except CannotCarryError:
                continue
    assert whole > 50


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("status", [200, 301, 400, 429, 529])
def test_no_error_breaks_a_format(name: str, status: int) -> None:
    for body in with_wrong(ERROR):
        error = FORMATS[name].read_error(status, {}, json.dumps(body).encode())
        assert isinstance(error, ProviderError)


@pytest.mark.parametrize(
    "said",
    [
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +9999999999999999999",
        "1e999",
        "nan",
    ],
)
def test_a_wait_that_no_clock_knows_is_no_wait(said: str) -> None:
    assert retry_after({"retry-after": said, "date": "Mon, 01 Jan 2020 00:00:00 GMT"}) is None
    assert retry_after({}, f"try again in {'9' * 400} s") is None


@pytest.mark.parametrize("number", [math.nan, math.inf, [{"a": -math.inf}]])
def test_a_number_that_json_does_not_have_is_refused_within_arguments(number: Any) -> None:
    call = ToolCall("1", "f", {"x": number})
    with pytest.raises(CannotCarryError, match="a number that JSON does not have"):
        FORMATS["openai-chat"].write_request(Request("m", (Message("assistant", (call,)),)), TARGETS["openai-chat"])


@pytest.mark.parametrize("name", ["anthropic-messages", "ollama-chat"])
def test_what_a_schema_is_for_is_refused_where_no_field_says_it(name: str) -> None:
    wanted = AnswerFormat("json_schema", {"type": "object"}, description="Only cities of Europe.")
    asked = Request("m", SAID.messages, answer_format=wanted)
    with pytest.raises(CannotCarryError, match="description"):
        FORMATS[name].write_request(asked, TARGETS[name])


def test_a_refusal_of_another_wire_is_no_field_of_anthropics() -> None:
    refused = FORMATS["openai-chat"].read_response(json.dumps(RESPONSES["openai-chat"]).encode())
    again = Request("m", (*SAID.messages, Message("assistant", refused.parts)))
    with pytest.raises(CannotCarryError, match=r"messages\[1\]: a refusal"):
        FORMATS["anthropic-messages"].write_request(again, TARGETS["anthropic-messages"])


def test_a_key_to_openais_cache_is_advice_to_anthropic_as_well() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "prompt_cache_key": "k"}
    request = FORMATS["openai-chat"].read_request(body)
    wire = FORMATS["anthropic-messages"].write_request(request, TARGETS["anthropic-messages"])
    assert "prompt_cache_key" not in wire.body


def test_an_effort_that_ollama_may_know_one_day_is_kept() -> None:
    body = {"model": "m", "messages": [], "think": "max"}
    request = FORMATS["ollama-chat"].read_request(body)
    assert FORMATS["ollama-chat"].write_request(request, TARGETS["ollama-chat"]).body["think"] == "max"


@pytest.mark.parametrize("betas", ["a\r\nx-injected: 1", ["a", "b c"], 5, [5], {"a": 1}])
def test_a_beta_that_no_header_can_hold_is_refused(betas: Any) -> None:
    target = Target("a", "anthropic", "m", options={"betas": betas})
    with pytest.raises(CannotCarryError, match="betas"):
        FORMATS["anthropic-messages"].write_request(SAID, target)
