"""Streamed answers: passed on as they come, once the first token says who answers."""

from __future__ import annotations

import asyncio

from tokenop.gateway import headers
from tokenop.gateway.ending import Ending
from tokenop.gateway.headers import Raw
from tokenop.gateway.model import Call, Hit
from tokenop.gateway.replying import Reply
from tokenop.gateway.upstream import Upstream
from tokenop.gateway.wires import CallerWire, StreamWriter
from tokenop.providers.base import Target
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Delta
from tokenop.providers.sending.whole import deltas
from tokenop.routing.chain import AsyncChainStream, astream
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.chain.operation import Settings as Told


async def streamed(
    call: Call,
    chain: tuple[Target, ...],
    sender: Upstream,
    told: Told,
    speaker: CallerWire,
    reply: Reply,
    ending: Ending,
) -> None:
    """Stream the answer of the first of `chain` that gives one.

    Raises:
        ProviderError: nobody answered; nothing was sent. Afterwards the stream itself tells.
    """
    writer = speaker.stream(call.request, created=int(call.started.timestamp()))
    async with astream(chain, call.request, sender, **told) as pieces:
        first = await anext(pieces)
        asked = pieces.asked
        assert asked is not None
        who = (biller_of(asked.target), pieces.model or asked.target.model)
        await reply.begin(headers.shown(call, who, asked.attempt, None))
        try:
            await _passed_on(first, pieces, writer, reply, ending)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await pieces.aclose()
            ending.broke_off(error)
            await ending.settled()
            await reply.last(writer.fail(error))
            if not isinstance(error, ProviderError):
                raise
            error.__traceback__ = None  # as in `answering`


async def _passed_on(
    delta: Delta, pieces: AsyncChainStream, writer: StreamWriter, reply: Reply, ending: Ending
) -> None:
    while delta.kind != "end":
        data = writer.write(delta)
        ending.passed(delta)
        if data:
            await reply.piece(data)
        delta = await anext(pieces)
    ending.response = delta.response
    data = writer.write(delta)
    ending.passed(delta)
    cost = ending.cost_usd
    if cost is not None:
        data += writer.comment(f"tokenop cost-usd={cost:f}")
    await ending.settled()
    await reply.last(data)


async def from_before(call: Call, hit: Hit, speaker: CallerWire, reply: Reply, ending: Ending, said: Raw) -> None:
    """Stream an answer that was kept from before."""
    writer = speaker.stream(call.request, created=int(call.started.timestamp()))
    written = []
    for delta in deltas(hit.response):
        written.append(writer.write(delta))
        ending.passed(delta)
    await ending.settled()
    await reply.begin(said)
    await reply.last(b"".join(written))
