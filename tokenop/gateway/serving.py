"""One process that serves: its socket, its loop, and how it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import uvicorn

from tokenop.gateway.answering import Answering
from tokenop.gateway.app import app_of
from tokenop.gateway.assembling import Process, assembled
from tokenop.gateway.heads import BoundedHeads
from tokenop.gateway.model import Settings
from tokenop.gateway.parts import Parts
from tokenop.gateway.seen.building import watched
from tokenop.gateway.sockets import BACKLOG, bind, leaving

Ready = Callable[[Parts, int], None]
Tell = Callable[[str], None]

KEEP_ALIVE = 75  # seconds that a connection may rest
# A collection among many objects that live for ever would stop all calls for tens of milliseconds.
GC_THRESHOLD = (20_000, 20, 50)


def serve(
    settings: Settings,
    *,
    drain: int,
    ready: Ready,
    tell: Tell,
    bound: socket.socket | None = None,
    early: Process | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then finish the calls in flight for up to `drain` seconds.

    Args:
        settings: how the gateway was started.
        drain: seconds.
        ready: called with the parts and the port when calls are taken.
        tell: takes a line for the person who started it.
        bound: a socket that is bound already, which several processes may share.
        early: the process that is to read the files first (`tokenop.gateway.early`), where it was begun before.

    Raises:
        FindingsError: what is wrong in the files in force.
        InputError: the address is in use, a file cannot be read.
        MisuseError: an address that others reach, and no keys.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, drain, ready, tell, bound, early))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


async def _serve(
    settings: Settings, drain: int, ready: Ready, tell: Tell, bound: socket.socket | None, early: Process | None
) -> None:
    listening = bound if bound is not None else bind(settings.host, settings.port)
    listening.listen(BACKLOG)  # who calls while the rest is made ready waits, and is not refused
    settings = replace(settings, port=listening.getsockname()[1])  # others are told of it, and 0 was any
    with contextlib.closing(listening):
        async with assembled(settings, tell, early) as parts:
            answering = Answering(parts)
            async with watched(parts, answering.standings):
                server = _Server(_config(app_of(parts, answering), drain), parts)
                server.when_ready = lambda: ready(parts, settings.port)
                await server.serve(sockets=[listening])
                # What was not over in time was cancelled; its rows are still to be written.
                for task in list(server.server_state.tasks):
                    task.cancel()
                await answering.idle()


def _config(app: Any, drain: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHeads,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=drain,
    )


class _Server(uvicorn.Server):
    """Takes signals through the loop, and leaves the loop to whoever runs it."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts
        self.when_ready: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        taken = leaving()
        for number in taken:
            loop.add_signal_handler(number, self._leave)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _leave(self) -> None:
        """Finish what is under way; a second signal does not wait for it."""
        if self.should_exit:
            self.force_exit = True
        self._parts.health.draining = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what there is by now stays for ever: it need not be looked at again
        gc.set_threshold(*GC_THRESHOLD)
        gc.enable()
        self.when_ready()
