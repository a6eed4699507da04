"""Recorded traffic of real providers, sent through the gateway once more: the same goes out, the same comes back."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests import wire
from tests.conftest import SHARED
from tests.gateway import running, upstream
from tests.gateway.running import Gateway
from tests.gateway.upstream import Asked, Step, Upstream, replayed
from tests.wire import Exchange

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="recorded traffic (../shared/data) is not beside this checkout"
)

KEPT = ("anthropic-beta", "anthropic-version")
LEAST = {"anthropic": 40, "groq": 15}
PATHS = {"anthropic": ("/v1/messages",), "groq": ("/openai/v1/chat/completions", "/chat/completions")}


def usable(folder: str) -> list[Exchange]:
    """Return what is recorded of the calls that the gateway answers, but those that only a beta's path knows."""
    return [
        exchange
        for exchange in wire.exchanges(folder)
        if exchange.request_body is not None
        and exchange.request_path.partition("?")[0] in PATHS[folder]
        and exchange.host.partition(":")[0] in {"api.anthropic.com", "api.groq.com"}
    ]


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Upstream]]:
    """Return a gateway whose callers may name every model that was recorded."""
    names = {folder: sorted({str(one.request_body["model"]) for one in usable(folder)}) for folder in PATHS}
    with upstream.serving() as up:
        reached = running.providers(up)
        providers: dict[str, Any] = {"openai": reached["openai"]}
        tiers: dict[str, Any] = {"T2": {"provider_chain": ["openai"], "models": {"openai": running.OPENAI}}}
        for tier, folder, by in (("T3", "groq", "groq"), ("T4", "anthropic", "claude")):
            chain = {f"{by}-{number}": model for number, model in enumerate(names[folder])}
            providers |= dict.fromkeys(chain, reached[by])
            tiers[tier] = {"provider_chain": list(chain), "models": chain}
        asked = {"tiers": list(tiers), "models": "listed"}
        written = running.config(up, providers=providers, tiers=tiers, asked=asked)
        with running.gateway(tmp_path_factory.mktemp("recorded"), written) as gateway:
            yield gateway, up


def answered(body: bytes) -> list[bytes]:
    """Return what an answer says without our comments, up to an error: that is told in the gateway's own words."""
    kept = [event for event in body.split(b"\n\n") if not event.startswith(b": tokenop")]
    wrong = next((at for at, event in enumerate(kept) if event.startswith((b"event: error", b'data: {"error"'))), None)
    return kept[:wrong]


@pytest.mark.parametrize("folder", PATHS)
def test_the_same_wire_goes_through_word_for_word(folder: str, through: tuple[Gateway, Upstream]) -> None:
    gateway, up = through
    path = "/v1/messages" if folder == "anthropic" else "/v1/chat/completions"

    async def all_of() -> list[tuple[Exchange, int, bytes]]:
        found = []
        async with aiohttp.ClientSession() as session:
            for exchange in usable(folder):
                up.otherwise = functools.partial(_answer, exchange)
                headers = {name: exchange.request_headers[name] for name in KEPT if name in exchange.request_headers}
                asked = session.post(gateway.url + path, json=exchange.request_body, headers=headers)
                async with asked as answer:
                    found.append((exchange, answer.status, await answer.read()))
        return found

    exchanges = asyncio.run(all_of())
    assert len(exchanges) >= LEAST[folder]
    assert len(up.asked) >= len(exchanges)
    sent = up.asked[-len(exchanges) :]
    for (exchange, status, body), asked in zip(exchanges, sent, strict=True):
        assert status == exchange.status, (exchange.name, body)
        assert {"stream": False, **asked.body} == {"stream": False, **(exchange.request_body or {})}, exchange.name
        if status == 200:
            assert answered(body) == answered(exchange.response_body), exchange.name


def _answer(exchange: Exchange, _asked: Asked) -> list[Step]:
    return replayed(exchange)
