"""Anthropic's own SDK with the gateway's address, whichever provider answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

import anthropic
import pytest

from tests.gateway.running import ANTHROPIC, GROQ, MODELS, OPENAI, SECRET, Gateway
from tests.gateway.sdks.answers import ARGUMENTS, SCHEMA, weather
from tests.gateway.upstream import Upstream, failed

HELLO = [{"role": "user", "content": "Say hello."}]
TOOLS = [{"name": "weather", "description": "…", "input_schema": SCHEMA}]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not much of a picture").decode()


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key="unused", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer_comes_from_whoever_is_asked_for(
    model: str, client: anthropic.Anthropic, gateway: Gateway
) -> None:
    raw = client.messages.with_raw_response.create(model=model, max_tokens=50, system="Be brief.", messages=HELLO)
    answer = raw.parse()
    (block,) = answer.content
    assert block.type == "text"
    assert block.text == "Hello there"
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 5)
    (row,) = gateway.rows(raw.headers["x-tokenop-operation"])
    assert (row["input_tokens"], row["output_tokens"], row["status"]) == (12, 5, "ok")


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_comes_in_the_order_that_the_sdk_wants(model: str, client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=model, max_tokens=50, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == "Hello there"
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (12, 5)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_result_goes_back(
    model: str, streaming: bool, client: anthropic.Anthropic, up: Upstream
) -> None:
    up.scripts[model] = weather
    asked = {"model": model, "max_tokens": 50, "messages": HELLO, "tools": TOOLS}
    try:
        if streaming:
            with client.messages.stream(**asked) as stream:
                answer = stream.get_final_message()
        else:
            answer = client.messages.create(**asked)
        (call,) = [block for block in answer.content if block.type == "tool_use"]
        assert answer.stop_reason == "tool_use"
        assert (call.name, call.input) == ("weather", ARGUMENTS)
        said = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}]
        turns = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": said}]
        final = client.messages.create(**{**asked, "messages": turns})
        assert final.content[0].type == "text"
        assert b"21 degrees" in up.asked[-1].raw
    finally:
        del up.scripts[model]


def test_a_picture_reaches_the_other_wire(client: anthropic.Anthropic, up: Upstream) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    client.messages.create(model=GROQ, max_tokens=9, messages=[{"role": "user", "content": parts}])
    (sent,) = [part for part in up.asked[-1].body["messages"][0]["content"] if part["type"] == "image_url"]
    assert sent["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


def test_the_same_wire_on_both_sides_is_passed_on_as_it_is(client: anthropic.Anthropic, up: Upstream) -> None:
    odd = {"service_tier": "auto", "container": "c1"}
    client.messages.create(
        model=ANTHROPIC, max_tokens=9, messages=HELLO, extra_body=odd, extra_headers={"anthropic-beta": "some-beta-1"}
    )
    sent = up.asked[-1]
    assert sent.body == {"model": ANTHROPIC, "max_tokens": 9, "messages": HELLO, **odd}
    assert sent.headers["anthropic-beta"] == "some-beta-1"
    assert sent.headers["anthropic-version"] == client.default_headers["anthropic-version"]
    assert SECRET in sent.headers.get("authorization", sent.headers.get("x-api-key", ""))


def test_what_the_other_wire_cannot_say_is_refused_by_name(client: anthropic.Anthropic, up: Upstream) -> None:
    before = len(up.asked)
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
    with pytest.raises(anthropic.BadRequestError, match="document"):
        client.messages.create(model=GROQ, max_tokens=9, messages=[{"role": "user", "content": [document]}])
    assert len(up.asked) == before


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (413, anthropic.RequestTooLargeError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
def test_errors_have_the_class_that_the_sdk_gives_them(
    status: int, kind: type[anthropic.APIStatusError], client: anthropic.Anthropic, up: Upstream, gateway: Gateway
) -> None:
    later = status in {429, 500, 529}
    up.scripts[OPENAI] = lambda _asked: failed(status, **({"retry_after": "7"} if later else {}))
    try:
        with pytest.raises(kind) as raised:
            client.messages.create(model=OPENAI, max_tokens=9, messages=HELLO)
    finally:
        del up.scripts[OPENAI]
    assert raised.value.response.headers.get("retry-after") == ("7" if later else None)
    (row,) = gateway.rows(raised.value.response.headers["x-tokenop-operation"])
    assert row["status"] == str(status)
    assert SECRET not in str(raised.value)


def test_tokens_are_counted_whoever_would_answer(client: anthropic.Anthropic, up: Upstream) -> None:
    assert client.messages.count_tokens(model=ANTHROPIC, messages=HELLO).input_tokens == 12
    assert up.asked[-1].path.endswith("/count_tokens")
    estimated = client.messages.count_tokens(model=GROQ, messages=HELLO).input_tokens
    assert 1 <= estimated <= 50


def test_models_are_listed_as_this_sdk_reads_them(client: anthropic.Anthropic) -> None:
    assert {"auto", *MODELS} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(ANTHROPIC).id == ANTHROPIC


@pytest.mark.parametrize("model", MODELS)
def test_an_asynchronous_stream_says_the_same(model: str, gateway: Gateway) -> None:
    async def words() -> str:
        async with (
            anthropic.AsyncAnthropic(base_url=gateway.url, api_key="unused") as client,
            client.messages.stream(model=model, max_tokens=50, messages=HELLO) as stream,
        ):
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(words()) == "Hello there"


def test_the_end_users_id_is_who_pays(client: anthropic.Anthropic, gateway: Gateway) -> None:
    raw = client.messages.with_raw_response.create(
        model=GROQ, max_tokens=9, messages=HELLO, metadata={"user_id": "u-7"},
        extra_headers={"x-tokenop-intent": "greet", "x-tokenop-session": "s-1"},
    )  # fmt: skip
    (row,) = gateway.rows(raw.headers["x-tokenop-operation"])
    assert (row["user_id"], row["intent"], row["session_id"]) == ("u-7", "greet", "s-1")
