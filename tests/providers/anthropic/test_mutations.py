"""Recorded traffic with pieces taken out or replaced: everything is read, or refused by an error of ours."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from tests import wire
from tests.providers.anthropic.test_responses import read
from tokenop.providers.base import Target
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.anthropic import FORMAT

ROUNDS = 150
JUNK: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], {}, [1], {"type": "text"}, {"a": None}, 10**30]


@pytest.fixture(autouse=True)
def _data(shared_data: object) -> None:
    """Skip where the recorded traffic is absent."""


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a JSON value with one to three of its pieces taken out or replaced."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 2, 3))):
        node, key = value, None
        for _ in range(chance.randint(1, 8)):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = chance.choice(keys)
            if not isinstance(node[key], dict | list) or chance.random() < 0.2:
                break
            node, key = node[key], None
        if key is not None and isinstance(node, dict) and chance.random() < 0.3:
            del node[key]
        elif key is not None:
            node[key] = copy.deepcopy(chance.choice(JUNK))
    return value


def calls() -> list[wire.Exchange]:
    return [each for each in wire.exchanges("anthropic") if each.request_path.startswith("/v1/messages?")]


@pytest.mark.parametrize("seed", range(4))
def test_requests(seed: int) -> None:
    chance, bodies, read_ones = random.Random(seed), [each.request_body for each in calls()], 0
    for _ in range(ROUNDS):
        try:
            request = FORMAT.read_request(mutated(chance.choice(bodies), chance))
            body = FORMAT.write_request(request, Target("t", "anthropic", request.model)).body
        except ProviderError:
            continue
        read_ones += 1
        limit = body["max_tokens"] if request.max_output_tokens is None else request.max_output_tokens
        assert FORMAT.read_request(body) == replace(request, max_output_tokens=limit)
    assert read_ones > ROUNDS / 5


@pytest.mark.parametrize("seed", range(4))
def test_answers(seed: int) -> None:
    chance, read_ones = random.Random(seed), 0
    answers = [json.loads(each.response_body) for each in calls() if not each.is_stream]
    for _ in range(ROUNDS):
        body = mutated(chance.choice(answers), chance)
        try:
            response = FORMAT.read_response(json.dumps(body).encode())
            again = FORMAT.write_response(response)
        except ProviderError:
            continue
        finally:
            FORMAT.read_error(chance.choice((400, 429, 500)), {}, json.dumps(body).encode())
        read_ones += 1
        assert FORMAT.read_response(json.dumps(again).encode()) == response
    assert read_ones > ROUNDS / 5


@pytest.mark.parametrize("seed", range(4))
def test_streams(seed: int) -> None:
    chance, read_ones = random.Random(seed), 0
    streams = [each.response_body.decode().split("\n\n") for each in calls() if each.is_stream]
    told = [[json.loads(event.split("data: ", 1)[1]) for event in stream if "data: " in event] for stream in streams]
    for _ in range(ROUNDS // 3):
        events = mutated(chance.choice(told), chance)
        try:
            deltas, response = read(*(f"data: {json.dumps(event)}\n\n".encode() for event in events))
        except ProviderError:
            continue
        read_ones += 1
        writer = FORMAT.writer()
        assert read(b"".join(map(writer.write, deltas)))[1].finish == response.finish
    assert read_ones > ROUNDS / 15
