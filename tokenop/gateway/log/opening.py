"""The log and the captures of one gateway, opened from its settings; what a killed process left torn is mended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from tokenop.errors import TokenOpError
from tokenop.gateway.capture.capturing import Capture
from tokenop.gateway.log import hashing
from tokenop.gateway.log.housekeeping import Housekeeper
from tokenop.gateway.log.prompts import PromptHashes
from tokenop.gateway.log.repairing import repair
from tokenop.gateway.log.writing import EventLog
from tokenop.gateway.model import Settings, Watcher

Tell = Callable[[str], None]
LOG, CAPTURE = "log", "capture"


def opened(settings: Settings, tell: Tell) -> EventLog:
    """Return the log, with what is torn in it mended."""
    folder = settings.state / LOG
    try:
        for mended in repair(folder):
            tell(f"event log: {mended}")
    except (TokenOpError, OSError) as error:  # no room: readers skip what is torn, and the next start mends it
        tell(f"event log: what is torn could not be mended: {error}")
    return EventLog(folder, durable=settings.durable, tell=lambda text: tell(text.removeprefix("tokenop: ").rstrip()))


class Keeping:
    """What watches calls for the log: hashes of prompts, captures, and the work of each day."""

    def __init__(self, settings: Settings, own: Mapping[str, Any], tell: Tell) -> None:
        """Take the settings, `tokenop/gateway.yaml` as it stands, and who is told a line.

        Raises:
            InputError: the secret of the hashes cannot be read or written.
        """
        self._own, self._tell, self._settings = own, tell, settings
        self.hashes = PromptHashes(hashing.hasher(settings.state))
        self.capture = Capture(settings.state / CAPTURE, own, tell)
        self.changed(own)

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Return who wants to see calls."""
        return self.hashes, self.capture

    def changed(self, own: Mapping[str, Any]) -> None:
        """Go by other settings."""
        self._own = own
        self.hashes.on = bool(own.get("log", {}).get("prompt_hashes", True))
        self.capture.settings(own)

    def begin(self, stack: contextlib.AsyncExitStack) -> None:
        """Begin the work of each day, in the first process of an address alone; leave the end of all on `stack`."""
        stack.callback(self.capture.close)
        if self._settings.worker == 0:
            keeper = Housekeeper(
                self._settings.state / LOG,
                self._tell,
                keep_days=lambda: self._own.get("log", {}).get("keep_days"),
                also=self.capture.forget,
            )
            task = asyncio.get_running_loop().create_task(keeper.run())
            stack.push_async_callback(_ended, task)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
