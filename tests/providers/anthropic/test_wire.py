"""Recorded traffic of Anthropic through the format and the real SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anthropic
import pytest

from tests import wire
from tests.providers import meanings
from tests.providers.rounds import rounds
from tokenop.providers.formats.anthropic import FORMAT

# What is recorded in Anthropic's folder and is no call of the Messages API.
NOT_OURS = {
    "test_anthropic_cache_bedrock_real_api.yaml#0": "another host: bedrock-runtime.eu-central-1.amazonaws.com",
    "test_anthropic_cache_bedrock_real_api.yaml#1": "another host: bedrock-runtime.eu-central-1.amazonaws.com",
    "test_anthropic_count_tokens_keeps_memory_tool.yaml#0": "another call: /v1/messages/count_tokens",
    "test_anthropic_count_tokens_with_native_tools.yaml#0": "another call: /v1/messages/count_tokens",
    "test_anthropic_model_thinking_part_from_other_model.yaml#0": "another call: /v1/responses",
    "test_anthropic_model_usage_limit_exceeded.yaml#0": "another call: /v1/messages/count_tokens",
    "test_anthropic_server_tool_pass_history_to_another_provider.yaml#1": "another call: /v1/responses",
    "test_text_document_url_input.yaml#0": "another host: example-files.online-convert.com",
}


@pytest.fixture(autouse=True)
def _data(shared_data: object) -> None:
    """Skip where the recorded traffic is absent."""


def test_every_recorded_call_of_the_messages_api_goes_once_around() -> None:
    found = rounds("anthropic")
    assert {each.name: each.why_not for each in found if each.why_not is not None} == NOT_OURS
    assert len(found) - len(NOT_OURS) == 50


def ours() -> list[wire.Exchange]:
    return [exchange for exchange in wire.exchanges("anthropic") if exchange.name not in NOT_OURS]


@pytest.fixture
def client() -> Iterator[anthropic.Anthropic]:
    """Yield a client whose server answers with all recorded answers, in order."""
    answered = [exchange for exchange in ours() if exchange.status == 200]
    with wire.serve(answered) as server, anthropic.Anthropic(api_key="k", base_url=server.base_url) as found:
        yield found


def test_the_sdk_reads_the_same_answers_as_we_do(client: anthropic.Anthropic) -> None:
    asked: Any = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    for exchange in ours():
        if exchange.status != 200:
            continue
        if exchange.is_stream:
            with client.beta.messages.stream(**asked) as streamed:  # gathers the pieces by its own means
                message: Any = streamed.get_final_message()
            reader = FORMAT.reader()
            list(reader.feed(exchange.response_body))
            response = replace(reader.end(), extra={})
        else:
            message = client.beta.messages.create(**asked)
            response = FORMAT.read_response(exchange.response_body)
        theirs = FORMAT.read_response(json.dumps(message.to_dict(mode="json", warnings=False)).encode())
        assert (replace(theirs, extra={}) if exchange.is_stream else theirs) == response, exchange.name


def test_answers_written_again_mean_what_was_recorded() -> None:
    for exchange in ours():
        if exchange.status == 200 and not exchange.is_stream:
            again = FORMAT.write_response(FORMAT.read_response(exchange.response_body))
            assert meanings.same(FORMAT.name, again, json.loads(exchange.response_body)), exchange.name
