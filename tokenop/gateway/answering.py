"""What happens to a call, from its first byte to its rows in the log."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from functools import cached_property

from tokenop.errors import TokenOpError
from tokenop.gateway import headers, reading, replying, rows, streaming, wires
from tokenop.gateway.ending import GONE, Ending
from tokenop.gateway.identity import labels as labels_of
from tokenop.gateway.log.model import LogError
from tokenop.gateway.model import Call, Hit, RefusedCallError, Wire
from tokenop.gateway.parts import Audience, Parts, Standing, Standings, new_id
from tokenop.gateway.reading import CallerGoneError, Receive, Scope, Send
from tokenop.gateway.replying import Reply
from tokenop.gateway.upstream import Upstream
from tokenop.gateway.waiting import Caller
from tokenop.gateway.wires import CallerWire, counting
from tokenop.providers.base import Target
from tokenop.providers.errors import NotUsableError
from tokenop.providers.registry import PROVIDERS
from tokenop.routing import facts_of
from tokenop.routing.chain import arun
from tokenop.routing.chain.charging import biller_of, estimated_input
from tokenop.routing.chain.operation import Settings as Told
from tokenop.routing.model import TIERS, Facts

AUTO = "auto"


class Answering:
    """Answers calls of all wires. One for a process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.standings = Standings(parts)
        self._underway = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @cached_property
    def audience(self) -> Audience:
        """Return who is told of calls: those who watch when the first one comes."""
        return Audience(self.parts)

    async def idle(self) -> None:
        """Return when no call is under way."""
        await self._idle.wait()

    async def answer(self, wire: Wire, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call. Whatever happens, the caller is told in its wire, and the log has its rows."""
        speaker, reply = wires.of(wire), Reply(send)
        self._underway += 1
        self._idle.clear()
        try:
            begun = await self._begun(speaker, scope, receive, reply)
            if begun is not None:
                await self._through(*begun, speaker, receive, reply)
        finally:
            self._underway -= 1
            if not self._underway:
                self._idle.set()

    async def count(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer how many tokens a request of the Messages API has. Nothing is billed, so the log has no row."""
        speaker, reply = wires.of("anthropic-messages"), Reply(send)
        begun = await self._begun(speaker, scope, receive, reply)
        if begun is None:
            return
        call, standing = begun
        try:
            decision = standing.decided(call)
            timeouts = standing.policy(decision).default_timeouts
            answer = await counting.answer(call, self.parts.sender, decision.chain, timeouts)
        except Exception as error:
            answer = speaker.error(self._known(error))
        await reply.error(answer)

    async def _begun(
        self, speaker: CallerWire, scope: Scope, receive: Receive, reply: Reply
    ) -> tuple[Call, Standing] | None:
        """Return the call and what holds for it. None where there is no call: its caller was told why, or is gone."""
        try:
            return await self._read(speaker, scope, receive)
        except CallerGoneError:
            return None
        except Exception as error:
            await reply.error(speaker.error(self._known(error)))
            return None

    async def _read(self, speaker: CallerWire, scope: Scope, receive: Receive) -> tuple[Call, Standing]:
        received = self.parts.clock()
        said = reading.headers_of(scope)
        identity = self.parts.gatekeeper.identify(said)
        body = reading.object_of(await reading.body_of(receive, said))
        labels, identity = labels_of(said, body, identity, speaker.name)
        request = speaker.read(body, said)
        standing = self.standings.current
        call = Call(
            operation_id=new_id(),
            wire=speaker.name,
            body=body,
            request=request,
            identity=identity,
            labels=labels,
            serving=standing.serving,
            started=self.parts.wall(),
            received=received,
            headers=said,
            asked=_asked(said, request.model),
            input_tokens=estimated_input(request),
        )
        call.facts = _facts(call, str(scope["path"]))
        return call, standing

    async def _through(
        self, call: Call, standing: Standing, speaker: CallerWire, receive: Receive, reply: Reply
    ) -> None:
        ending = Ending(self.parts, self.audience, call)
        caller = Caller(receive, standing.longest)
        try:
            ending.began()
            await self._answered(call, standing, speaker, reply, ending)
        except asyncio.CancelledError:
            ending.status = ending.status if reply.ended else GONE
            if not caller.gone:
                raise
        except Exception as raised:
            answer = self._failed(raised, speaker, ending)
            # Where it was raised is where the request is held, which would hold it in turn until somebody looks.
            raised.__traceback__ = None
            await self._told(call, reply, answer, ending, caller)
        finally:
            caller.left()
            ending.over()

    def _failed(self, raised: Exception, speaker: CallerWire, ending: Ending) -> replying.Whole:
        """Return what the caller is told of an error."""
        error = self._known(raised)
        answer = speaker.error(error)
        ending.failed(error, answer[0])
        return answer

    async def _told(self, call: Call, reply: Reply, answer: replying.Whole, ending: Ending, caller: Caller) -> None:
        """Tell the caller of an error, where it was told nothing else by now."""
        if reply.started:
            return
        try:
            with contextlib.suppress(TokenOpError):  # a log that cannot be written is what the caller is told of
                await ending.settled()
            await reply.error(answer, headers.shown(call, None, len(ending.attempts) or None, None))
        except asyncio.CancelledError:
            if not caller.gone:
                raise

    async def _answered(
        self, call: Call, standing: Standing, speaker: CallerWire, reply: Reply, ending: Ending
    ) -> None:
        hit = await self.parts.responses.look_up(call)
        if hit is not None:
            await self._from_before(call, hit, speaker, reply, ending)
            return
        decision = standing.decided(call)
        call.decision, call.tier = decision, decision.tier
        grant = self.parts.purse.reserve(call, decision.chain)
        call.warnings.extend(grant.warnings)
        sender = Upstream(self.parts.sender, self.parts.prompts, call)
        told: Told = {
            "policy": standing.policy(decision),
            "breakers": standing.breakers,
            "usable": standing.usable,
            "record": ending.attempts.append,
            "notices": self.parts.notices,
            "operation_id": call.operation_id,
            "clock": self.parts.clock,
            "wall": self.parts.wall,
        }
        if call.request.stream:
            await streaming.streamed(call, grant.chain, sender, told, speaker, reply, ending)
        else:
            await self._whole(call, grant.chain, sender, told, speaker, reply, ending)

    async def _whole(
        self,
        call: Call,
        chain: tuple[Target, ...],
        sender: Upstream,
        told: Told,
        speaker: CallerWire,
        reply: Reply,
        ending: Ending,
    ) -> None:
        result = await arun(chain, call.request, sender, **told)
        target = result.answered_by
        if result.response is None or target is None:
            raise result.error or NotUsableError("nobody answered")
        ending.response = result.response
        body = speaker.body(result.response, PROVIDERS[target.provider].format, created=int(call.started.timestamp()))
        last = result.attempts[-1]
        await ending.settled()
        said = headers.shown(call, (biller_of(target), last.model), last.attempt, ending.cost_usd)
        await reply.whole(200, [replying.JSON, *said], body)

    async def _from_before(self, call: Call, hit: Hit, speaker: CallerWire, reply: Reply, ending: Ending) -> None:
        ending.hit, ending.response = hit, hit.response
        said = headers.shown(call, (hit.provider, hit.response.model), None, ending.cost_usd)
        if call.request.stream:
            await streaming.from_before(call, hit, speaker, reply, ending, said)
            return
        body = speaker.body(hit.response, created=int(call.started.timestamp()))
        await ending.settled()
        await reply.whole(200, [replying.JSON, *said], body)

    def _known(self, raised: Exception) -> Exception:
        """Return what may be told to a caller; a bug of ours is told to whoever runs the gateway."""
        if isinstance(raised, LogError):
            self.parts.tell(str(raised))
            return RefusedCallError("the log cannot be written: see the gateway's output", status=503, kind="no_log")
        if isinstance(raised, TokenOpError):
            return raised
        if isinstance(raised, RecursionError):
            return RefusedCallError("too many levels within each other", status=400, kind="too_deep")
        self.parts.tell("a bug of the gateway:\n" + "".join(traceback.format_exception(raised)))
        return RefusedCallError("the gateway failed; its own output says why", status=500, kind="internal_error")


def _asked(said: dict[str, str], model: str) -> str | None:
    """Return the tier or model that the caller insists on; None where the rules decide."""
    tier = said.get(headers.TIER)
    if tier:
        return None if tier == AUTO else tier
    return None if model in ("", AUTO) else model


def _facts(call: Call, path: str) -> Facts:
    identity, request = call.identity, call.request
    named = request.model
    return facts_of(
        request,
        **call.labels,
        user_id=identity.user_id,
        department=identity.department,
        tenant=identity.tenant,
        operation=rows.OPERATIONS.get(call.wire, "chat"),
        model="" if named == AUTO or named in TIERS else named,
        tier=call.asked if call.asked in TIERS else None,
        input_tokens=call.input_tokens,
        endpoint=path,
    )
