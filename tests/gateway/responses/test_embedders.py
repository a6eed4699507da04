"""Embedders that are asked over HTTP: whatever the server does, a call gets a vector or a miss, and soon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gateway.responses.world import World, answer, outcome
from tokenop.gateway.responses.asking import KEY, Asked, chosen
from tokenop.gateway.responses.embedding import Hashed
from tokenop.gateway.responses.policy import EmbedderChoice

VECTOR = [3.0, 4.0, *[0.0] * 14]
OLLAMA = {"model": "m", "embeddings": [VECTOR]}
OPENAI = {"object": "list", "data": [{"index": 0, "embedding": VECTOR}], "model": "m"}
Ran = tuple[Any, list[tuple[str, dict[str, str], dict[str, Any]]]]


def served(
    kind: Any, reply: bytes | None, use: Callable[[Asked], Awaitable[Any]], env: dict[str, str] | None = None
) -> Ran:
    """Return what `use` of an embedder gives whose server replies so to each request, and what the server was asked.

    With None it never replies.
    """

    async def run() -> Ran:
        asked = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    first, *lines = head.decode().split("\r\n")
                    headers = dict(line.lower().split(": ", 1) for line in lines if line)
                    body = await reader.readexactly(int(headers["content-length"]))
                    asked.append((first.split()[1], headers, json.loads(body)))
                    if not reply:
                        if reply is None:
                            await reader.read()
                        return
                    writer.write(reply)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        suffix = "" if kind == "ollama" else "/v1"
        wait = 0.02 if reply is None else 5.0
        embedder = Asked(EmbedderChoice(kind, f"http://127.0.0.1:{port}{suffix}", "m", wait), env or {})
        try:
            return await use(embedder), asked
        finally:
            await embedder.close()
            server.close()
            await server.wait_closed()

    return asyncio.run(run())


def http(body: Any, status: str = "200 OK", more: str = "") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(raw)}\r\n{more}\r\n".encode() + raw


def once(embedder: Asked) -> Awaitable[Any]:
    return embedder.embed("How do I pay?")


@pytest.mark.parametrize(
    ("kind", "body", "path"), [("ollama", OLLAMA, "/api/embed"), ("openai", OPENAI, "/v1/embeddings")]
)
def test_a_server_is_asked_in_its_own_words(kind: str, body: dict[str, Any], path: str) -> None:
    vector, asked = served(kind, http(body), once, {KEY: "k", "OPENAI_API_KEY": "not this"})
    assert np.allclose(vector[:2], [0.6, 0.8])
    ((where, headers, said),) = asked
    assert (where, said) == (path, {"model": "m", "input": ["How do I pay?"]})
    assert headers["authorization"] == "bearer k"


def test_without_its_own_key_none_is_sent() -> None:
    _, asked = served("openai", http(OPENAI), once, {"OPENAI_API_KEY": "not this"})
    assert "authorization" not in asked[0][1]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"",
        b"nonsense\r\n\r\n",
        http({"error": "no"}, "500 No"),
        http(OLLAMA, "302 Found", "location: http://127.0.0.1:1/\r\n"),
        http(b"<html>"),
        http({"embeddings": []}),
        http({"embeddings": [[]]}),
        http({"embeddings": [["a"] * 16]}),
        http({"embeddings": [[0.0] * 16]}),
        http(b'{"embeddings": [[1e999' + b", 1" * 16 + b"]]}"),
        http({"embeddings": [[1.0] * 5000]}),
        http({"embeddings": [[[1.0] * 16] * 16]}),
        http([1]),
        http(b"[" * 100_000),
        http(b'"' + b"x" * 1_100_000 + b'"'),
        http(OLLAMA)[:-20] + b"\r\n",
    ],
    ids=range(17),
)
def test_what_goes_wrong_is_no_vector_and_the_server_is_left_alone(reply: bytes | None) -> None:
    async def twice(embedder: Asked) -> list[Any]:
        if reply is not None and reply.endswith(b"0, 0\r\n"):
            embedder._seconds = 0.02  # it never comes whole
        return [await embedder.embed("x"), await embedder.embed("y")]

    found, asked = served("ollama", reply, twice)
    assert found == [None, None]
    assert len(asked) == 1


def test_a_server_that_was_left_alone_is_asked_again() -> None:
    now = [0.0]

    async def run() -> Any:
        embedder = Asked(EmbedderChoice("ollama", "http://127.0.0.1:1", "m", 1.0), {}, clock=lambda: now[0])
        assert await embedder.embed("x") is None
        assert embedder._rests_until > now[0]
        now[0] = embedder._rests_until
        assert await embedder.embed("x") is None
        later = embedder._rests_until
        await embedder.close()
        return later

    assert asyncio.run(run()) == now[0] * 2


def test_another_model_under_the_same_name_is_not_believed() -> None:
    async def twice(embedder: Asked) -> tuple[Any, Any]:
        first = await embedder.embed("x")
        embedder._dimensions = 8
        return first, await embedder.embed("x")

    (first, second), _ = served("ollama", http(OLLAMA), twice)
    assert first is not None
    assert second is None


def test_each_kind_has_its_own_space() -> None:
    choices = [
        EmbedderChoice(),
        EmbedderChoice("ollama"),
        EmbedderChoice("openai"),
        EmbedderChoice("ollama", model="x"),
    ]
    assert len({chosen(choice, {}).space for choice in choices}) == 4
    assert isinstance(chosen(choices[0], {}), Hashed)


def test_another_embedder_reads_all_anew_and_finds_no_vector_of_the_old(tmp_path: Path) -> None:
    from tests.gateway.responses.world import BOTH, serving

    world = World(tmp_path, BOTH)
    world.ask("How do I reset my password?")
    world.serving = serving({**BOTH, "embedder": {"kind": "ollama", "url": "http://127.0.0.1:1", "timeout_ms": 50}})
    again = "How can I reset my password?"

    async def through() -> tuple[str, str]:
        one, two = world.call("How do I reset my password?"), world.call(again)
        await world.cache.look_up(one)
        await world.cache.look_up(two)
        world.cache.keep(two, outcome(answer()))
        await world.cache.close()
        return one.cached, two.cached

    assert asyncio.run(through()) == ("exact", "miss")
    assert world.cache.counts.unembedded == 1
    assert world.process().gauges() == {}
