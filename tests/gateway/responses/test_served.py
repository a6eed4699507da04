"""Kept answers through a gateway that really runs: on both wires, whole and streamed, with rows."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import running, upstream
from tests.gateway.running import Gateway
from tests.gateway.upstream import Upstream

CACHE = {"response_cache": {"enabled": True, "modes": ["exact", "semantic"]}}
TURN = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Upstream, Path]]:
    folder = tmp_path_factory.mktemp("cached")
    with upstream.serving() as up, running.gateway(folder, running.config(up, cache=CACHE), "--durable") as started:
        yield started, up, folder


def asked(gateway: Gateway, path: str, body: dict[str, Any], **headers: str) -> tuple[str, str, bytes]:
    """Return the operation, what the cache said, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    assert answer.status == 200, raw
    return answer.headers["x-tokenop-operation"], answer.headers["x-tokenop-cache"], raw


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": running.OPENAI, "messages": TURN}),
        ("/v1/messages", {"model": running.ANTHROPIC, "messages": TURN, "max_tokens": 50}),
    ],
    ids=["openai", "anthropic"],
)
def test_the_second_time_an_answer_comes_from_here(
    gateway: tuple[Gateway, Upstream, Path], path: str, body: dict[str, Any]
) -> None:
    running_, _, _ = gateway
    first, said, fresh = asked(running_, path, body)
    assert said == "miss"
    second, said, kept = asked(running_, path, body)
    assert said == "exact"
    for field in ("content", "choices"):
        assert json.loads(kept).get(field) == json.loads(fresh).get(field)
    third, said, streamed = asked(running_, path, {**body, "stream": True})
    assert said == "exact"
    assert streamed.startswith((b"data: ", b"event: "))
    assert b"Hel" in streamed
    (paid,), (free,), (also,) = (running_.rows(operation) for operation in (first, second, third))
    assert paid.get("cache_hit") is None
    for row in (free, also):
        assert (row["cache_hit"], row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (True, 0, 0, 0)
        assert row["tokens_saved"] == paid["input_tokens"] + paid["output_tokens"]
        assert (row["provider"], row["model"]) == (paid["provider"], paid["model"])
    assert asked(running_, path, body, **{"cache-control": "no-store"})[1] == "skipped"


@pytest.mark.thorough
def test_a_gateway_that_was_killed_still_knows_its_answers(gateway: tuple[Gateway, Upstream, Path]) -> None:
    running_, _, folder = gateway
    body = {"model": running.OPENAI, "messages": [{"role": "user", "content": "Say goodbye."}]}
    assert asked(running_, "/v1/chat/completions", body)[1] == "miss"
    running.until(lambda: any((running_.state / "cache").glob("answers-*")))
    running_.process.kill()
    running_.process.wait()
    again = running.begin(folder, "--config", str(folder / "project" / "test.yaml"))
    try:
        running.until(lambda: asked(again, "/v1/chat/completions", {**body, "seed": 1})[1] == "exact")
        assert asked(again, "/v1/chat/completions", body)[1] == "exact"
    finally:
        running.end(again)
