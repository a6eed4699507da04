"""The chain in an event loop over the sender without an SDK, on real sockets: what a gateway is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.routing.chain.faulty import Faulty, serving
from tests.routing.chain.test_live import ASKED, BEFORE, BROKEN, LATER, WIRES, settings, target
from tokenop.providers.errors import ProviderError
from tokenop.providers.sending.over_aiohttp import AiohttpSender
from tokenop.routing.chain import ChainResult, arun, astream
from tokenop.routing.chain.arunning import AsyncSender

KEYS = {"FAULTY_API_KEY": "sk-not-to-be-seen"}


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with serving() as running:
        yield running


async def asked(server: Faulty, send: AsyncSender, wire: str, fault: str, streaming: bool) -> tuple[ChainResult, str]:
    chain = (target(server, wire, fault), target(server, "groq" if wire == "anthropic" else "anthropic", "ok"))
    if not streaming:
        result = await arun(chain, ASKED, send, **settings(fault))
        return result, result.response.text if result.response else ""
    words = ""
    async with astream(chain, ASKED, send, **settings(fault)) as answer:
        try:
            async for delta in answer:
                words += delta.text if delta.kind == "text" else ""
        except ProviderError:
            pass
    return answer.result, words


async def all_of(
    server: Faulty, wire: str, faults: list[str], streaming: bool
) -> list[tuple[str, tuple[ChainResult, str]]]:
    """Ask all at once, as a gateway does: what one call meets is none of the others'."""
    async with AiohttpSender(env=KEYS) as send:
        found = await asyncio.gather(*(asked(server, send, wire, fault, streaming) for fault in faults))
    return list(zip(faults, found, strict=True))


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_whatever_fails_before_the_first_token_the_next_provider_answers(
    wire: str, streaming: bool, server: Faulty
) -> None:
    for fault, (result, words) in asyncio.run(all_of(server, wire, list(BEFORE), streaming)):
        kind, free = BEFORE[fault]
        assert words == "Hello there", fault
        *failed, answered = result.attempts
        assert {row.status for row in failed} == {kind}, (fault, failed)
        assert {row.usage.input_tokens == 0 for row in failed} == {free}, (fault, failed)
        assert (answered.usage.input_tokens, answered.usage.output_tokens) == (12, 5)
        assert answered.fallback_used
        assert "sk-not-to-be-seen" not in result.told()


@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_that_breaks_after_the_first_token_ends_with_what_came_on_record(wire: str, server: Faulty) -> None:
    for fault, (result, words) in asyncio.run(all_of(server, wire, sorted(LATER), streaming=True)):
        assert words == "Hello", fault
        assert result.error is not None
        assert result.error.after_first_token
        (row,) = result.attempts
        assert row.status in BROKEN, fault
        assert row.ttft_ms is not None
        assert row.usage.source == "estimated"


def test_a_caller_who_hangs_up_leaves_one_row(server: Faulty) -> None:
    async def hang_up() -> ChainResult:
        async with AiohttpSender(env=KEYS) as send:
            async with astream((target(server, "openai", "ok"),), ASKED, send, **settings("ok")) as answer:
                async for delta in answer:
                    if delta.kind == "text":
                        break
            return answer.result

    (row,) = asyncio.run(hang_up()).attempts
    assert row.status == "cancelled"
    assert row.usage.source == "estimated"
