"""Ollama's own chat: requests both ways, answers, lines and errors, as its documentation shows them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.openai import strategies
from tests.thoroughness import examples
from tokenop.providers import errors
from tokenop.providers.base import Target
from tokenop.providers.errors import BadRequestError, CannotCarryError, MalformedError, ProviderError
from tokenop.providers.formats.marks import TOOL_ERROR
from tokenop.providers.formats.ollama_chat import FORMAT
from tokenop.providers.model import (
    NOTHING,
    AnswerFormat,
    Image,
    Message,
    Native,
    Part,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

PICTURE = Image(media_type="image/png", data="iVBORw0KGgo=")


def written(request: Request, **options: Any) -> dict[str, Any]:
    return dict(FORMAT.write_request(request, Target("o", "ollama", request.model, options=options)).body)


def asking(*parts: Part, **more: Any) -> Request:
    return Request("m", (Message("user", parts or (Text("Hi"),)),), **more)


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    """Draw a request that the wire can say: calls are answered in order, texts and pictures stand in one."""
    turns: list[Message] = []
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        rest = (draw(strategies.plain_texts), *draw(st.sampled_from(((), (PICTURE,)))))
        results: tuple[Part, ...] = ()
        if turns:
            names = draw(st.lists(strategies.names, max_size=3))
            called = tuple(
                ToolCall(f"call_{count + at}", name, draw(strategies.objects)) for at, name in enumerate(names)
            )
            count += len(called)
            thought = draw(st.sampled_from(((), (Thinking("hm"),))))
            turns.append(Message("assistant", (*thought, draw(strategies.plain_texts), *called)))
            good = strategies.plain_texts.filter(lambda text: not text.text.startswith(TOOL_ERROR))
            results = tuple(ToolResult(call.id, (draw(good),), draw(st.booleans())) for call in called)
        turns.append(Message("user", (*results, *rest)))
    tools = st.builds(Tool, strategies.names, st.one_of(st.none(), strategies.words), strategies.schemas)
    formats = st.one_of(
        st.none(),
        st.just(AnswerFormat("json")),
        st.builds(AnswerFormat, st.just("json_schema"), strategies.schemas),
    )
    return Request(
        "m",
        tuple(turns),
        system=draw(st.sampled_from(((), (Text("Be brief."),)))),
        tools=tuple(draw(st.lists(tools, max_size=2))),
        max_output_tokens=draw(st.one_of(st.none(), st.integers(0, 9))),
        temperature=draw(strategies.finite),
        top_p=draw(strategies.finite),
        top_k=draw(st.one_of(st.none(), st.integers(0, 9))),
        seed=draw(st.one_of(st.none(), st.integers(0, 9))),
        stop=tuple(draw(st.lists(strategies.words, max_size=2))),
        answer_format=draw(formats),
        reasoning_effort=draw(st.sampled_from((None, "none", "low", "medium", "high"))),
        stream=draw(st.booleans()),
    )


@settings(max_examples=examples(30, 100))
@given(conversations())
def test_what_is_written_reads_as_the_same_request(request: Request) -> None:
    body = json.loads(json.dumps(written(request)))
    assert FORMAT.read_request(body) == request


def test_settings_stand_where_ollama_looks_for_them() -> None:
    request = asking(Text("Hi"), PICTURE, max_output_tokens=5, temperature=0.5, reasoning_effort="low", stream=True)
    body = written(request, keep_alive="10m", options={"num_ctx": 8192, "temperature": 1})
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi", "images": ["iVBORw0KGgo="]}],
        "options": {"num_ctx": 8192, "num_predict": 5, "temperature": 0.5},
        "think": "low",
        "stream": True,
        "keep_alive": "10m",
    }


def test_fields_that_only_ollama_knows_come_out_as_they_went_in() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "options": {"num_ctx": 4096, "num_predict": -1},
        "stream": False,
        "think": True,
        "keep_alive": 0,
    }
    request = FORMAT.read_request(body)
    assert request.max_output_tokens is None
    assert written(request) == body


def test_results_stand_in_the_order_of_their_calls() -> None:
    calls = Message("assistant", (ToolCall("a", "f", {}), ToolCall("b", "f", {})))
    results = Message("user", (ToolResult("b", (Text("2"),)), ToolResult("a", (Text("1"),))))
    body = written(Request("m", (calls, results)))
    assert [message["content"] for message in body["messages"][1:]] == ["1", "2"]
    assert {message["tool_name"] for message in body["messages"][1:]} == {"f"}


def test_texts_of_one_message_become_one_and_hints_are_left_out() -> None:
    request = asking(Text("a", cache="5m"), Text("b"), user_id="u", answer_format=AnswerFormat("json", name="x"))
    body = written(request)
    assert body["messages"] == [{"role": "user", "content": "a\n\nb"}]
    assert body["format"] == "json"


def test_without_a_choice_of_tools_none_are_offered() -> None:
    assert "tools" not in written(asking(tools=(Tool("f"),), tool_choice=ToolChoice("none")))


LOST: dict[str, tuple[Callable[[Request], Request], str]] = {
    "choice": (lambda r: replace(r, tool_choice=ToolChoice("any")), "a choice of tools"),
    "strict": (lambda r: replace(r, tools=(Tool("f", strict=True),)), "strict"),
    "native": (lambda r: replace(r, tools=(Tool("w", native=Native("anthropic-messages", {})),)), "w, a tool of"),
    "address": (lambda r: asking(Image(url="https://x")), "behind an address"),
    "document": (lambda r: asking(Native("anthropic-messages", {"type": "document"})), "document of anthropic"),
    "arguments": (
        lambda r: replace(r, messages=(Message("assistant", (ToolCall("c", "f", None, "x"),)),)),
        "no JSON object",
    ),
    "signature": (
        lambda r: replace(r, messages=(Message("assistant", (Thinking("h", signature="s"),)),)),
        "signed",
    ),
    "order": (
        lambda r: replace(r, messages=(Message("assistant", (ToolCall("c", "f", {}), Text("x"))),)),
        "after a tool call",
    ),
    "unknown call": (lambda r: asking(ToolResult("c", ())), "'c', which is not in the conversation"),
    "effort": (lambda r: replace(r, reasoning_effort="xhigh"), "'xhigh'"),
    "field": (lambda r: replace(r, extra={"logprobs": True}, extra_format="openai-chat"), "logprobs of openai-chat"),
}


@pytest.mark.parametrize("name", LOST)
def test_what_the_wire_cannot_say_is_refused_by_name(name: str) -> None:
    change, named = LOST[name]
    with pytest.raises(CannotCarryError) as raised:
        written(change(asking()))
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "messages"),
        ({"messages": [{"role": "developer"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "images": [1]}]}, "images[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "answers no call"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "x"}}]}]}, "argum"),
        ({"messages": [], "options": {"temperature": "x"}}, "options.temperature"),
        ({"messages": [], "format": 5}, "format"),
        ({"messages": [], "tools": [{}]}, "tools[0].function"),
    ],
)
def test_a_bad_body_is_refused_with_its_field(body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        FORMAT.read_request(body)
    assert named in raised.value.detail


def line(message: Any = None, **more: Any) -> bytes:
    return json.dumps({"model": "llama3.2", "created_at": "2023-08-04T08:52:19Z", "message": message, **more}).encode()


LAST: dict[str, Any] = {"done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 8}
CALL = {"function": {"name": "f", "arguments": {"city": "Paris"}}}
LINES = (
    line({"role": "assistant", "content": "", "thinking": "Hm"}, done=False),
    line({"role": "assistant", "content": "Grüße "}, done=False),
    line({"role": "assistant", "content": "🌍", "images": None}, done=False),
    line({"role": "assistant", "content": "", "tool_calls": [CALL]}, done=False),
    line({"role": "assistant", "content": ""}, total_duration=5, **LAST),
)
PARTS = (Thinking("Hm"), Text("Grüße 🌍"), ToolCall("call_0", "f", {"city": "Paris"}))


def read(data: bytes, size: int | None = None) -> Response:
    reader = FORMAT.reader()
    step = size or max(len(data), 1)
    deltas = [delta for at in range(0, len(data), step) for delta in reader.feed(data[at : at + step])]
    response = reader.end()
    if data.endswith(b"\n"):
        assert deltas[-1].response == response
    return response


@given(st.integers(1, 200))
def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    response = read(b"\n".join(LINES) + b"\n", size)
    assert (response.parts, response.finish, response.usage) == (PARTS, "tool_calls", Usage(26, 8))
    assert response.extra == {"total_duration": 5}


def test_the_last_line_needs_no_end() -> None:
    assert read(b"\n".join(LINES)).parts == PARTS


@pytest.mark.parametrize("until", range(5))
def test_half_a_stream_is_no_answer(until: int) -> None:
    with pytest.raises(MalformedError, match="ended before") as raised:
        read(b"".join(each + b"\n" for each in LINES[:until]))
    assert raised.value.after_first_token == (until > 0)


def test_a_whole_answer_reads_as_its_stream_does() -> None:
    message = {"role": "assistant", "content": "Grüße 🌍", "thinking": "Hm", "tool_calls": [CALL]}
    assert FORMAT.read_response(line(message, total_duration=5, **LAST)) == read(b"\n".join(LINES))


@pytest.mark.parametrize(
    ("reason", "finish"), [("stop", "stop"), ("length", "length"), ("load", "unknown"), (None, "stop")]
)
def test_why_an_answer_ended(reason: str | None, finish: str) -> None:
    assert FORMAT.read_response(line({"content": "x"}, **{**LAST, "done_reason": reason})).finish == finish


def test_counts_that_are_left_out_are_unknown() -> None:
    response = FORMAT.read_response(line({"content": "x"}, done=True, eval_count=3))
    assert response.usage == Usage(None, 3)
    assert FORMAT.read_response(line({"content": "x"}, done=True)).usage.source == "missing"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        line({"content": "x"}),
        line({"content": 5}, done=True),
        line([], done=True),
        line({"tool_calls": 5}, done=True),
        line({"tool_calls": [{}]}, done=True),
        line({"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}, done=True),
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        FORMAT.read_response(body)
    with pytest.raises(MalformedError):
        read(body)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(ProviderError):
        read(data)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (404, "model 'x' not found", errors.NotFoundError),
        (400, "registry.ollama.ai/library/x does not support tools", errors.BadRequestError),
        (400, "the input exceeds the available context size", errors.TooLongError),
        (500, "llama runner process has terminated", errors.ServerError),
        (503, "server busy, please try again. maximum pending requests exceeded", errors.OverloadedError),
        (401, "unauthorized", errors.AuthError),
    ],
)
def test_an_error_is_what_status_and_words_say(status: int, words: str, kind: type[ProviderError]) -> None:
    error = FORMAT.read_error(status, {}, json.dumps({"error": words}).encode())
    assert type(error) is kind
    assert error.detail == words


def test_an_error_in_the_stream_is_raised_with_what_came_before() -> None:
    with pytest.raises(errors.ServerError, match="boom") as raised:
        read(LINES[1] + b'\n{"error": "boom"}\n')
    assert raised.value.after_first_token


def test_nothing_extra_is_nothing() -> None:
    request = FORMAT.read_request({"model": "m", "messages": []})
    assert (request.extra, request.extra_format, request.stream) == (NOTHING, None, True)
