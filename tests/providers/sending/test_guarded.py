"""What a hostile server, a telltale environment and a talkative error may do to a sender: nothing."""

from __future__ import annotations

import asyncio
import gzip
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.providers.sending.test_sdks import KEY, PATIENT, REQUEST, WIRES, Wire
from tests.wire import Conduct, Exchange, Received, answer, serve
from tokenop.providers import errors
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Response
from tokenop.providers.sending import bounded, sender_for
from tokenop.providers.sending.over_aiohttp import AiohttpSender
from tokenop.providers.sending.pump import Line, pumped

ORDERLY = Conduct()
# No prefix gives this one away.
CANARY = "canary" + "0123456789abcdef" * 2
_CLAUDE = b'{"model": "m", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}'
_ALL = {
    **WIRES,
    "anthropic": Wire("anthropic", "/v1/messages", _CLAUDE, b"", lambda m: {"error": {"type": "x", "message": m}}),
}


@dataclass(frozen=True)
class Way:
    """One way to a server: a provider, with its SDK or over aiohttp."""

    wire: Wire
    sdk: bool

    def send(self, exchange: Exchange, conduct: Conduct = ORDERLY) -> Response:
        """Return the answer that `exchange` is."""
        return self.sent(exchange, conduct)[0]

    def sent(self, exchange: Exchange, conduct: Conduct = ORDERLY) -> tuple[Response, Received]:
        """Return the answer that `exchange` is, and what was sent for it."""
        with serve([exchange], conduct) as server:
            target = Target("t", self.wire.provider, "m", base_url=server.base_url, api_key_env="TEST_API_KEY")
            if not self.sdk:
                return asyncio.run(self._over_aiohttp(target)), server.received[0]
            sender: Any = sender_for(target)
            try:
                return sender.send(REQUEST, target, PATIENT), server.received[0]
            finally:
                sender.close()

    async def _over_aiohttp(self, target: Target) -> Response:
        async with AiohttpSender() as sender:
            return await sender.send(REQUEST, target, PATIENT)


@pytest.fixture(params=[(name, sdk) for name in _ALL for sdk in (True, False)], ids=str)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    monkeypatch.setenv("TEST_API_KEY", CANARY)
    return Way(_ALL[request.param[0]], request.param[1])


@pytest.mark.parametrize("packing", ["gzip", "br", "zstd"])
def test_a_packed_answer_is_asked_not_to_come_and_not_unpacked(way: Way, packing: str) -> None:
    bomb = replace(answer(gzip.compress(way.wire.whole)), response_headers={"Content-Encoding": packing})
    with pytest.raises(errors.MalformedError, match="packed"):
        way.send(bomb)
    _, received = way.sent(answer(way.wire.whole))
    assert received.headers["accept-encoding"] == "identity"


def test_of_an_error_no_more_is_read_than_its_beginning(way: Way) -> None:
    endless = answer(b"x" * (bounded.LARGEST_ERROR + 10), 500)
    with pytest.raises(errors.ServerError):
        way.send(endless, Conduct(stall_after=bounded.LARGEST_ERROR + 1))


def test_an_error_that_says_the_key_is_told_without_it(way: Way) -> None:
    refused = answer(way.wire.error(f"Incorrect API key provided: {CANARY}. Find yours at"), 401, x_request_id=CANARY)
    with pytest.raises(errors.AuthError, match=r"provided: \[key\]") as raised:
        way.send(refused)
    assert CANARY not in "".join(traceback.format_exception(raised.value))
    assert CANARY not in repr(vars(raised.value))


def test_no_error_of_a_connection_holds_the_key(way: Way) -> None:
    with pytest.raises((errors.ConnectionFailedError, errors.MalformedError)) as raised:
        way.send(answer(way.wire.whole), Conduct(break_after=5))
    assert CANARY not in "".join(traceback.format_exception(raised.value))


def test_what_the_environment_adds_for_one_address_is_not_sent_to_another(
    way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ANTHROPIC", "GROQ", "OPENAI"):
        monkeypatch.setenv(f"{name}_CUSTOM_HEADERS", "X-Inner: secret\nauthorization: Bearer another")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    _, received = way.sent(answer(way.wire.whole))
    assert "x-inner" not in received.headers
    assert received.headers["authorization"] == f"Bearer {CANARY}"


def test_a_proxy_of_the_environment_is_used_without_an_sdk_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", KEY)
    target = Target("t", "groq", "m", base_url="http://10.1.2.3:9/v1", api_key_env="TEST_API_KEY")

    async def ask() -> Response:
        async with AiohttpSender() as sender:
            return await sender.send(REQUEST, target, PATIENT)

    with serve([answer(WIRES["groq"].whole)] * 2) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url)
        assert asyncio.run(ask()).text == "Hello"
        assert proxy.received[0].path == "http://10.1.2.3:9/v1/chat/completions"
        monkeypatch.setenv("no_proxy", "10.1.2.3")
        with pytest.raises(ProviderError):
            asyncio.run(_quickly(target))
    assert len(proxy.received) == 1


async def _quickly(target: Target) -> None:
    async with AiohttpSender() as sender:
        await sender.send(REQUEST, target, Timeouts(0.05, 0.1, 0.1))


def test_whoever_listens_slowly_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "LARGEST", 1000)
    read: list[int] = []

    def endless(_line: Line) -> Iterator[bytes]:
        for number in range(100_000):
            read.append(number)
            yield b"x" * 100

    pieces = pumped(endless, PATIENT, lambda: True)
    next(pieces)
    with pytest.raises(errors.MalformedError, match="larger than"):
        list(pieces)
    assert len(read) == 11


@pytest.mark.parametrize("provider", ["groq", "openai-compatible", "ollama"])
def test_a_stream_is_not_unpacked_either(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", KEY)
    stream = gzip.compress(WIRES[provider].stream)
    packed = replace(answer(stream), response_headers={"Content-Encoding": "gzip", "Content-Type": "text/event-stream"})
    with serve([packed]) as server:
        target = Target("t", provider, "m", base_url=server.base_url, api_key_env="TEST_API_KEY")
        sender: Any = sender_for(target)
        with pytest.raises(errors.MalformedError, match="packed"):
            list(sender.stream(REQUEST, target, PATIENT))
        sender.close()
