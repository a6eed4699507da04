"""Groq's own SDK, which puts /openai/v1 before its paths, with the gateway's address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import groq
import pytest

from tests.gateway.running import MODELS, Gateway
from tests.gateway.sdks.answers import ARGUMENTS, SCHEMA, weather
from tests.gateway.upstream import Upstream, failed

HELLO = [{"role": "user", "content": "Say hello."}]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "…", "parameters": SCHEMA}}]


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[groq.Groq]:
    with groq.Groq(base_url=gateway.url, api_key="unused", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_answers_come_whole_and_in_pieces(model: str, client: groq.Groq) -> None:
    answer = client.chat.completions.create(model=model, messages=HELLO)
    assert answer.choices[0].message.content == "Hello there"
    pieces = client.chat.completions.create(model=model, messages=HELLO, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "Hello there"


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called(model: str, client: groq.Groq, up: Upstream) -> None:
    up.scripts[model] = weather
    try:
        answer = client.chat.completions.create(model=model, messages=HELLO, tools=TOOLS)
    finally:
        del up.scripts[model]
    (call,) = answer.choices[0].message.tool_calls or ()
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", ARGUMENTS)


def test_many_ask_at_once(gateway: Gateway) -> None:
    async def all_of() -> set[str | None]:
        async with groq.AsyncGroq(base_url=gateway.url, api_key="unused") as client:
            asked = [client.chat.completions.create(model=model, messages=HELLO) for model in MODELS * 3]
            return {answer.choices[0].message.content for answer in await asyncio.gather(*asked)}

    assert asyncio.run(all_of()) == {"Hello there"}


def test_models_and_errors_are_read(client: groq.Groq, up: Upstream) -> None:
    assert set(MODELS) <= {model.id for model in client.models.list().data}
    up.scripts[MODELS[1]] = lambda _asked: failed(429, retry_after="7")
    try:
        with pytest.raises(groq.RateLimitError) as raised:
            client.chat.completions.create(model=MODELS[1], messages=HELLO)
    finally:
        del up.scripts[MODELS[1]]
    assert raised.value.response.headers["retry-after"] == "7"
