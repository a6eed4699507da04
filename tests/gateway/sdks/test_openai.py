"""OpenAI's own SDK with the gateway's address, whichever provider answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.gateway.running import ANTHROPIC, GROQ, MODELS, OLLAMA, OPENAI, SECRET, Gateway
from tests.gateway.sdks.answers import ARGUMENTS, SCHEMA, weather
from tests.gateway.upstream import Upstream, failed, whole

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "…", "parameters": SCHEMA}}]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not much of a picture").decode()


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer_comes_from_whoever_is_asked_for(model: str, client: openai.OpenAI, gateway: Gateway) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=HELLO, max_tokens=50)
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 5)
    (row,) = gateway.rows(raw.headers["x-tokenop-operation"])
    assert (row["input_tokens"], row["output_tokens"], row["status"]) == (12, 5, "ok")
    assert raw.headers["x-tokenop-attempt"] == "1"
    assert (raw.headers["x-tokenop-provider"], raw.headers["x-tokenop-model"]) == (row["provider"], row["model"])


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_comes_in_pieces_and_tells_its_usage(model: str, client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    with client.chat.completions.create(model=model, messages=HELLO, stream=True, stream_options=options) as pieces:
        got = list(pieces)
    assert "".join(piece.choices[0].delta.content or "" for piece in got if piece.choices) == "Hello there"
    assert [piece.choices[0].finish_reason for piece in got if piece.choices][-1] == "stop"
    (usage,) = [piece.usage for piece in got if piece.usage is not None]
    assert (usage.prompt_tokens, usage.completion_tokens) == (12, 5)


@pytest.mark.parametrize("stream", [False, True])
def test_answers_of_a_wire_without_names_have_names_of_their_own(stream: bool, client: openai.OpenAI) -> None:
    def name() -> str:
        messages: Any = [{"role": "user", "content": "Hi"}]
        answer: Any = client.chat.completions.create(model=OLLAMA, messages=messages, stream=stream)
        return str(({piece.id for piece in answer} if stream else {answer.id}).pop())

    first, second = name(), name()
    assert first != second
    assert "unknown" not in first


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_result_goes_back(
    model: str, streaming: bool, client: openai.OpenAI, up: Upstream
) -> None:
    up.scripts[model] = weather
    messages = [*HELLO]
    try:
        with client.chat.completions.stream(model=model, messages=messages, tools=TOOLS) as stream:
            for _ in stream if streaming else ():
                pass
            answer = (
                stream.get_final_completion()
                if streaming
                else client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
            )
        (call,) = answer.choices[0].message.tool_calls or ()
        assert answer.choices[0].finish_reason == "tool_calls"
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments) == ARGUMENTS
        said = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
        asked = [*messages, answer.choices[0].message.to_dict(), said]
        final = client.chat.completions.create(model=model, messages=asked, tools=TOOLS)
        assert final.choices[0].message.content == "Hello there"
        assert b"21 degrees" in up.asked[-1].raw
    finally:
        del up.scripts[model]


def test_a_picture_reaches_the_other_wire(client: openai.OpenAI, up: Upstream) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    client.chat.completions.create(model=ANTHROPIC, messages=[{"role": "user", "content": parts}], max_tokens=9)
    (block,) = [part for part in up.asked[-1].body["messages"][0]["content"] if part["type"] == "image"]
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    client.chat.completions.create(model=OLLAMA, messages=[{"role": "user", "content": parts}])
    assert up.asked[-1].body["messages"][0]["images"] == [PIXEL]


def test_the_same_wire_on_both_sides_is_passed_on_as_it_is(client: openai.OpenAI, up: Upstream) -> None:
    odd = {"logit_bias": {"50256": -100}, "prediction": {"type": "content", "content": "Hello"}}
    client.chat.completions.create(model=OPENAI, messages=HELLO, extra_body=odd)
    assert {"stream": False, **up.asked[-1].body} == {"model": OPENAI, "messages": HELLO, "stream": False, **odd}
    assert up.asked[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_what_the_other_wire_cannot_say_is_refused_by_name(client: openai.OpenAI, up: Upstream) -> None:
    before = len(up.asked)
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        client.chat.completions.create(model=ANTHROPIC, messages=HELLO, max_tokens=9, logit_bias={"1": 2})
    assert len(up.asked) == before


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_errors_have_the_class_that_the_sdk_gives_them(
    status: int, kind: type[openai.APIStatusError], client: openai.OpenAI, up: Upstream, gateway: Gateway
) -> None:
    later = status in {429, 500, 529}
    up.scripts[ANTHROPIC] = lambda _asked: failed(status, **({"retry_after": "7"} if later else {}))
    try:
        with pytest.raises(kind) as raised:
            client.chat.completions.create(model=ANTHROPIC, messages=HELLO, max_tokens=9)
    finally:
        del up.scripts[ANTHROPIC]
    assert raised.value.status_code == status or status == 529
    assert raised.value.response.headers.get("retry-after") == ("7" if later else None)
    (row,) = gateway.rows(raised.value.response.headers["x-tokenop-operation"])
    assert row["status"] == str(status)
    assert SECRET not in str(raised.value)


def test_the_sdk_itself_asks_again_when_it_is_told_when(gateway: Gateway, up: Upstream) -> None:
    answers = iter([failed(429, retry_after="0"), failed(429, retry_after="0")])
    up.scripts[OPENAI] = lambda asked: next(answers, None) or whole({**_completion(), "model": asked.model})
    try:
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=3) as patient:
            assert patient.chat.completions.create(model=OPENAI, messages=HELLO).choices[0].message.content == "Yes"
    finally:
        del up.scripts[OPENAI]


def _completion() -> dict[str, object]:
    message = {"role": "assistant", "content": "Yes"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "choices": [choice]}


def test_a_model_that_nobody_listed_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-99"):
        client.chat.completions.create(model="gpt-99", messages=HELLO)


def test_tiers_and_rules_are_asked_for_as_models(client: openai.OpenAI) -> None:
    for asked, tier, model in (("T4", "T4", ANTHROPIC), ("auto", "T2", OPENAI), ("T3", "T3", GROQ)):
        raw = client.chat.completions.with_raw_response.create(model=asked, messages=HELLO, max_tokens=9)
        assert raw.headers["x-tokenop-tier"] == tier
        assert raw.parse().model in {model, "m"}  # "m" is what the upstream calls itself


def test_models_and_embeddings_are_those_of_the_config(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"auto", "T1", "T4", *MODELS} <= set(names)
    assert client.models.retrieve(OPENAI).id == OPENAI
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-99")


def test_embeddings_come_from_a_provider_of_the_same_wire(client: openai.OpenAI, gateway: Gateway) -> None:
    raw = client.embeddings.with_raw_response.create(model=OPENAI, input="some words", encoding_format="float")
    assert raw.parse().data[0].embedding == [0.25, -0.5]
    (row,) = gateway.rows(raw.headers["x-tokenop-operation"])
    assert (row["operation"], row["input_tokens"]) == ("embeddings", 3)


def test_a_body_that_is_no_json_is_refused_and_the_connection_goes_on(gateway: Gateway) -> None:
    with httpx2.Client(base_url=gateway.url) as plain:
        refused = plain.post("/v1/chat/completions", content=b'{"model": "gpt')
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_json")
        assert plain.post("/v1/chat/completions", json={"model": OPENAI, "messages": HELLO}).status_code == 200


def test_many_ask_at_once_without_hearing_of_each_other(gateway: Gateway, up: Upstream) -> None:
    def named(asked: object) -> list[bytes]:
        said = asked.body["messages"][-1]["content"]
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return whole({**_completion(), "model": "m", "choices": [choice]})

    async def all_of() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0) as client:
            asked = [
                client.chat.completions.create(model=GROQ, messages=[{"role": "user", "content": f"{number}"}])
                for number in range(40)
            ]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    up.scripts[GROQ] = named
    try:
        assert asyncio.run(all_of()) == [str(number) for number in range(40)]
    finally:
        del up.scripts[GROQ]


@pytest.mark.parametrize("model", MODELS)
def test_an_asynchronous_stream_says_the_same(model: str, gateway: Gateway) -> None:
    async def words() -> str:
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="unused") as client:
            pieces = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
            return "".join([piece.choices[0].delta.content or "" async for piece in pieces if piece.choices])

    assert asyncio.run(words()) == "Hello there"
