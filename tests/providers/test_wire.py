"""Recorded traffic of Groq, Ollama (its OpenAI endpoint) and OpenAI through the format and the real SDKs."""

from __future__ import annotations

from typing import Any

import pytest

from tests import wire
from tests.providers.rounds import rounds
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.model import Response

# The Responses API is another wire, and is not carried.
NOT_OURS = {
    "test_openai_responses_prompt_cache_e2e.yaml#0": "another call: /v1/responses",
    "test_openai_responses_prompt_cache_e2e.yaml#1": "another call: /v1/responses",
    "test_openrouter_responses_prompt_cache_e2e.yaml#0": "another call: /api/v1/responses",
    "test_openrouter_responses_prompt_cache_e2e.yaml#1": "another call: /api/v1/responses",
}


@pytest.fixture(autouse=True)
def _data(shared_data: object) -> None:
    """Skip where the recorded traffic is absent."""


@pytest.mark.parametrize(
    ("folder", "count", "not_ours"), [("groq", 21, {}), ("ollama", 4, {}), ("openai_prompt_cache", 6, NOT_OURS)]
)
def test_every_recorded_call_of_chat_completions_goes_once_around(
    folder: str, count: int, not_ours: dict[str, str]
) -> None:
    found = rounds(folder)
    assert {each.name: each.why_not for each in found if each.why_not is not None} == not_ours
    assert len(found) == count


def chats() -> list[wire.Exchange]:
    return [
        exchange
        for folder in ("groq", "ollama", "openai_prompt_cache")
        for exchange in wire.exchanges(folder)
        if exchange.request_path.endswith("/chat/completions") and exchange.status == 200
    ]


def agrees(response: Response, message: Any) -> bool:
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    ours = [(call.id, call.name, call.arguments) for call in response.tool_calls]
    parsed = [
        (call_id, name, FORMAT.read_request(_calling(words)).messages[0].parts[0]) for call_id, name, words in calls
    ]
    return response.text == (message.content or "") and ours == [
        (call_id, name, getattr(part, "arguments", None)) for call_id, name, part in parsed
    ]


def _calling(words: str) -> dict[str, Any]:
    call = {"id": "c", "function": {"name": "f", "arguments": words}}
    return {"messages": [{"role": "assistant", "tool_calls": [call]}]}


def test_the_sdks_read_the_same_whole_answers_as_we_do() -> None:
    import groq
    import openai

    whole = [exchange for exchange in chats() if not exchange.is_stream]
    assert len(whole) == 18
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    for vendor in (groq.Groq, openai.OpenAI):
        with wire.serve(whole) as server, vendor(api_key="k", base_url=server.base_url, max_retries=0) as client:
            for exchange in whole:
                theirs = client.chat.completions.create(**asked)
                response = FORMAT.read_response(exchange.response_body)
                assert agrees(response, theirs.choices[0].message), exchange.name
                assert (response.id, response.model) == (theirs.id, theirs.model)
                assert theirs.usage is not None
                assert response.usage.input_tokens == theirs.usage.prompt_tokens
                assert response.usage.output_tokens == theirs.usage.completion_tokens


def test_the_prompt_cache_of_openai_is_read_back() -> None:
    first, second = (
        FORMAT.read_response(exchange.response_body).usage
        for exchange in wire.exchanges("openai_prompt_cache")
        if exchange.request_path.endswith("/chat/completions")
    )
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens, first.input_tokens) == (4012, 0, 4020)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens, second.input_tokens) == (0, 4012, 4020)
