"""Whether the caller still waits for the answer."""

from __future__ import annotations

import asyncio

from tokenop.gateway.reading import Receive

# Most calls that are answered sooner never pay for being watched.
LOOK_AFTER = 0.03


class Caller:
    """Cancels the task of a call when its caller hangs up, or when all of it takes longer than it may.

    Make it in the task that answers; call `left` in `finally`.
    """

    __slots__ = ("_deadline", "_late", "_looking", "_loop", "_receive", "_task", "_watcher", "gone")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._looking: asyncio.TimerHandle | None = self._loop.call_later(LOOK_AFTER, self._look)
        self._watcher: asyncio.Task[None] | None = None
        self._deadline = seconds
        self._late: asyncio.TimerHandle | None = None
        self.gone = False

    def left(self) -> None:
        """Watch no longer. Nothing that was watched is kept: each of these knows its caller."""
        for under_way in (self._looking, self._late, self._watcher):
            if under_way is not None:
                under_way.cancel()
        self._looking = self._late = self._watcher = self._task = None

    def _look(self) -> None:
        self._watcher = self._loop.create_task(self._until_gone())
        # Whoever reads an answer so slowly that it takes longer than a provider may is as good as gone.
        self._late = self._loop.call_later(self._deadline, self._cancel)

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self.gone = True
            self._task.cancel()
