"""Those who watch one gateway, begun and ended with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenop.gateway.applied import Holder
from tokenop.gateway.log.writing import EventLog
from tokenop.gateway.model import RefusedCallError
from tokenop.gateway.parts import Parts, Standings
from tokenop.gateway.responses.cache import Responses
from tokenop.gateway.seen import traces
from tokenop.gateway.seen.lines import Lines
from tokenop.gateway.seen.metrics import Metrics

EVERY = 1.0
"""Seconds between two moves of the counters: what calls leave for them is not to grow."""


@contextlib.asynccontextmanager
async def watched(parts: Parts, standings: Standings) -> AsyncIterator[None]:
    """Have the calls of `parts` seen, as long as the context lasts.

    Raises:
        InputError: OpenTelemetry is asked for, and not installed.
    """
    async with contextlib.AsyncExitStack() as stack:
        state = _State(parts, standings)
        metrics = Metrics([state.gauges], parts.settings.metrics)
        parts.watchers.append(metrics)
        parts.routes.append(Route("/metrics", _exposed(parts, metrics)))
        parts.health.sources.update({"config": state.config, "log": state.log, "providers": state.providers})
        if traces.wanted(parts.settings.env):
            traced = traces.over_http(parts.settings.env)
            parts.watchers.append(traced)
            # It waits for a collector that may be gone: not in the loop.
            stack.push_async_callback(asyncio.to_thread, traced.close)
        if parts.settings.lines:
            lines = Lines()
            parts.watchers.append(lines)
            stack.push_async_callback(asyncio.to_thread, lines.close)
        moving = asyncio.create_task(_moved(metrics))
        stack.callback(moving.cancel)
        yield


def _exposed(parts: Parts, metrics: Metrics) -> Any:
    async def exposed(request: Request) -> Response:
        try:
            parts.gatekeeper.identify(dict(request.headers.items()))
        except RefusedCallError as error:
            return Response(f"{error}\n", error.status, media_type="text/plain")
        body, kind = metrics.exposed()
        return Response(body, media_type=kind)

    return exposed


async def _moved(metrics: Metrics) -> None:
    while True:
        await asyncio.sleep(EVERY)
        metrics.flush()


class _State:
    """How the parts are, when somebody asks."""

    def __init__(self, parts: Parts, standings: Standings) -> None:
        self._parts = parts
        self._standings = standings

    def config(self) -> Mapping[str, Any]:
        """Return what is in force, and the change that is refused."""
        serving = self._parts.applied.current
        refusal = self._refusal()
        meta = serving.config.meta
        told = {"ok": refusal is None, "id": meta.id, "version": meta.version, "mode": serving.config.mode}
        return {**told, "digest": serving.digest, "loaded": serving.loaded.isoformat(), "refused": refusal}

    def _refusal(self) -> Mapping[str, object] | None:
        applied = self._parts.applied
        refused = applied.refusal if isinstance(applied, Holder) else None
        return None if refused is None else refused.as_dict()

    def log(self) -> Mapping[str, Any]:
        """Return how the log is."""
        log = self._parts.log
        return log.health().told() if isinstance(log, EventLog) else {"ok": True}

    def providers(self) -> Mapping[str, Any]:
        """Return who can be asked. One that fails is no illness of the gateway's while another answers."""
        targets = self._parts.applied.current.config.targets
        return {"ok": True, "usable": sorted(name for name in targets if self._usable(name)), "open": self._open()}

    def _usable(self, name: str) -> bool:
        return self._parts.sender.usable(self._parts.applied.current.config.targets[name]) is None

    def _open(self) -> list[str]:
        now, standing = self._parts.clock(), self._standings.current
        doors = {name: standing.breakers.door(one, now) for name, one in standing.serving.config.targets.items()}
        return sorted(name for name, door in doors.items() if door in ("open", "probing"))

    def gauges(self) -> Mapping[str, float]:
        """Return what Prometheus is told beside the calls."""
        told = {"circuits_open": float(len(self._open())), "config_refused": float(self._refusal() is not None)}
        log, responses = self._parts.log, self._parts.responses
        if isinstance(responses, Responses):
            told |= responses.gauges()
        if isinstance(log, EventLog):
            health = log.health()
            told |= {"log_rows_waiting": float(health.waiting), "log_rows_lost": float(health.lost)}
        return told
