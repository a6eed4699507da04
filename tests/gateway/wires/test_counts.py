"""Anthropic's clients expect numbers where a provider told none; what is unknown is unknown in the log alone."""

from __future__ import annotations

import json
from typing import Any

from tokenop.gateway import wires
from tokenop.providers.model import Delta, Message, Request, Response, Text, Usage

REQUEST = Request("m", (Message("user", (Text("Hi"),)),), stream=True)
WIRE = wires.of("anthropic-messages")


def events(written: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in written.decode().splitlines() if line.startswith("data: ")]


def test_a_whole_answer_without_counts_says_numbers() -> None:
    body = json.loads(WIRE.body(Response("m", (Text("Hello"),), "stop"), "openai-chat"))
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (0, 0)


def test_a_stream_says_numbers_at_its_start_and_those_that_came_at_its_end() -> None:
    for first in ([], [Delta("start", id="c", name="m")]):
        writer = WIRE.stream(REQUEST)
        end = Response("m", (Text("Hello"),), "stop", Usage(7, 2))
        deltas = [*first, Delta("text", text="Hello"), Delta("end", usage=end.usage, response=end)]
        told = events(b"".join(writer.write(delta) for delta in deltas))
        assert [one["type"] for one in told].count("message_start") == 1
        assert told[0]["message"]["usage"]["input_tokens"] == 0
        assert told[0]["message"]["usage"]["output_tokens"] == 0
        [last] = [one for one in told if one["type"] == "message_delta"]
        assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (7, 2)
