"""Where the gateway's calls go: one pool of connections a process, programs in threads, or recordings.

`GatewaySender` is one for a process; `Upstream` is what the chain of one call sends with.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tokenop.gateway.model import Call, PromptCache
from tokenop.providers import registry
from tokenop.providers.base import Sender, Target, Timeouts
from tokenop.providers.model import AsSent, Delta, Request, Response
from tokenop.providers.sending.over_aiohttp import AiohttpSender

_MOST_TARGETS = 4096
_NAMELESS = "ollama"  # its own wire has no ids


class GatewaySender:
    """Sends whatever a target is: over HTTP, by a program, from recordings. Use it as `async with GatewaySender(env)`.

    With `recordings`, a folder of them, all targets are answered from there and nothing is sent.
    """

    def __init__(self, env: Mapping[str, str], recordings: Path | None = None) -> None:
        """Take the environment, which holds keys and addresses.

        Raises:
            FindingsError: the folder holds what is no recording.
        """
        self._env = env
        self._recorded: Sender | None = _replay(recordings) if recordings is not None else None
        self._all_recorded = recordings is not None
        self._program: Sender | None = None
        self._http = AiohttpSender(env=env)
        self._usable: dict[int, tuple[Target, str | None]] = {}

    async def __aenter__(self) -> Self:
        """Open the connections' pool."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._http.__aexit__(kind, error, trace)

    def recorded(self, target: Target) -> bool:
        """Return whether `target` is answered from recordings, and nothing is sent."""
        return self._all_recorded or target.provider == "replay"

    @property
    def http(self) -> AiohttpSender:
        """Return what sends over HTTP."""
        return self._http

    def usable(self, target: Target) -> str | None:
        """Return None where `target` can be asked, else the reason in one line. Found out once a target."""
        known = self._usable.get(id(target))
        if known is not None and known[0] is target:
            return known[1]
        reason = None if self._all_recorded else registry.usable(target, self._env, sdk=False)
        if len(self._usable) >= _MOST_TARGETS:
            self._usable.clear()
        self._usable[id(target)] = (target, reason)
        return reason

    async def send(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> Response:
        """Return the whole answer; `raw` where it came in the wire of `caller`. Raises a ProviderError."""
        sender = self._other(target)
        if sender is None:
            return await self._http.send(request, target, timeouts, caller)
        if target.provider == "claude-cli" and not self._all_recorded:
            return await asyncio.to_thread(sender.send, request, target, timeouts)
        return sender.send(request, target, timeouts)

    def stream(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> AsyncGenerator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        if self._other(target) is None:
            return self._http.stream(request, target, timeouts, caller)
        return self._at_once(request, target, timeouts)

    async def _at_once(self, request: Request, target: Target, timeouts: Timeouts) -> AsyncGenerator[Delta]:
        from tokenop.providers.sending.whole import deltas

        for delta in deltas(await self.send(request, target, timeouts)):
            yield delta

    def _other(self, target: Target) -> Sender | None:
        """Return what answers for `target` where nothing goes over HTTP."""
        if self._all_recorded:
            return self._recorded
        if target.provider == "replay":
            if self._recorded is None:
                self._recorded = _replay(None)
            return self._recorded
        if target.provider == "claude-cli":
            if self._program is None:
                from tokenop.providers.sending import claude_cli

                self._program = claude_cli.sender()
            return self._program
        return None


class Upstream:
    """What the chain of one call sends with."""

    def __init__(self, sender: GatewaySender, prompts: PromptCache | None, call: Call) -> None:
        """Take the process's sender, what places breakpoints for prompt caches (None: nobody), and the call."""
        self._sender = sender
        self._prompts = prompts
        self._call = call

    async def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        asked, caller = self._prepared(request, target), self._call.request.as_sent
        response = await self._sender.send(asked, target, timeouts, caller)
        return response if response.id else replace(response, id=self._call.operation_id)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> AsyncGenerator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        asked, caller = self._prepared(request, target), self._call.request.as_sent
        deltas = self._sender.stream(asked, target, timeouts, caller)
        named = target.provider != _NAMELESS or self._sender.recorded(target)
        return deltas if named else self._named(deltas)

    async def _named(self, deltas: AsyncGenerator[Delta]) -> AsyncGenerator[Delta]:
        """Yield `deltas` of an answer that its provider gives no name: callers keep them by name."""
        async with contextlib.aclosing(deltas):
            async for delta in deltas:
                yield replace(delta, id=self._call.operation_id) if delta.kind == "start" and not delta.id else delta

    def _prepared(self, request: Request, target: Target) -> Request:
        return request if self._prompts is None else self._prompts.prepared(self._call, target, request)


def _replay(folder: Path | None) -> Sender:
    from tokenop.providers.sending import replay

    return replay.sender(folder)
