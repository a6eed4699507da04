"""What a log needs once a day: days that are over become Parquet, in a process of low priority."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Tell = Callable[[str], object]

# A gateway that just began has better things to do.
FIRST = 60.0
# Some minutes into the day, the segments of the day before are closed.
_PAST_MIDNIGHT = timedelta(minutes=5)


class Housekeeper:
    """Compacts the log once after the start and then each day, and does what else is due."""

    def __init__(
        self,
        folder: Path,
        tell: Tell,
        *,
        keep_days: Callable[[], int | None] = lambda: None,
        also: Callable[[datetime], object] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the log's folder, who is told a line, and how many days are kept, asked anew each day.

        `also` is called with the time, each day as well, in a thread.
        """
        self._folder, self._tell, self._keep_days, self._also = folder, tell, keep_days, also
        self._now, self._sleep = now, sleep

    async def run(self) -> None:
        """Go on until cancelled; a process under way is then ended, which harms nothing."""
        wait = FIRST
        while True:
            await self._sleep(wait)
            try:
                await asyncio.to_thread(self._also, self._now())
                await self.compact()
            except Exception as error:  # tomorrow is another day
                self._tell(f"the log could not be tidied up: {type(error).__name__}: {error}")
            wait = self._until_tomorrow()

    async def compact(self) -> None:
        """Compact in a process of its own, and tell what it says."""
        keep_days = self._keep_days()
        command = [sys.executable, "-m", "tokenop.gateway.log", str(self._folder)]
        process = await asyncio.create_subprocess_exec(
            *command, *([] if keep_days is None else [str(keep_days)]),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        for line in said.decode("utf-8", "replace").splitlines():
            self._tell(line.removeprefix("tokenop: "))

    def _until_tomorrow(self) -> float:
        now = self._now().astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return max((midnight + _PAST_MIDNIGHT - now).total_seconds(), 1.0)
