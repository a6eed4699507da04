"""What is done for the budgets beside the calls: once a second, and in processes of their own where it takes longer."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tokenop.gateway.budgets import child, folding, settings, throttling, usual
from tokenop.gateway.budgets.purse import PurseOfAll

Tell = Callable[[str], None]
SECOND = 1.0
_RETRY = 30.0  # seconds after which work that failed, or left something to do, is tried again
_LONGEST = 600.0


class Keeper:
    """Looks after a purse until it is cancelled."""

    def __init__(
        self,
        purse: PurseOfAll,
        log: Path,
        zone: str,
        *,
        segment: Callable[[], Path | None],
        throttle: Callable[[], settings.Throttle],
        tell: Tell,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it looks after.

        Args:
            purse: of this process.
            log: the folder of the event log.
            zone: of days and months, by name.
            segment: the segment of the log that this process writes to now.
            throttle: the settings in force.
            tell: takes a line for whoever runs the gateway.
            now: the time, in seconds since 1970.
        """
        self._purse, self._log, self._zone = purse, log, zone
        self._segment, self._throttle, self._tell, self._now = segment, throttle, tell, now
        self._last: Path | None = None
        self._finished = True  # what a process before this one left
        self._not_before: dict[str, float] = {}
        self._said: set[str] = set()

    async def run(self) -> None:
        """Look after the purse once a second, for ever."""
        while True:
            await asyncio.sleep(SECOND)
            try:
                await self.once()
            except Exception as error:  # the budgets are counted all the same
                self._once(f"looking after the budgets: {type(error).__name__}: {error}")

    async def once(self) -> None:
        """Do what there is to do."""
        purse, ledger, now = self._purse, self._purse.ledger, self._now()
        self.note_segment()
        purse.look_again()
        ledger.look_for_dead()
        ledger.look_again()
        if ledger.crowded:
            try:
                ledger.renew(now)
            except OSError as error:
                self._once(f"the table of the budgets cannot grow: {error.strerror or error}")
        spikes = purse.noticed()
        if spikes:
            await asyncio.to_thread(throttling.slow_down, purse.folder, spikes)
            for spike in spikes:
                said = spike.as_json()
                self._tell(
                    f"{spike.user!r} spent {said['spent_usd']} USD in an hour, usually {said['baseline_usd']}: free "
                    f"providers only until {said['until']} (tokenop budgets clear-throttle frees a user)"
                )
        if (self._finished or ledger.dead) and self._may("fold"):
            self._finished = False
            await self._fold(now)
        throttle = self._throttle()
        if throttle.enabled and usual.is_due(purse.folder, self._log, now) and self._may("usual"):
            await self._child("usual", child.usual(purse.folder, self._log, throttle.days, throttle.least_hours, now))

    async def _fold(self, now: float) -> None:
        folder = self._purse.folder
        urgency = await asyncio.to_thread(folding.urgency, folder, self._log, self._zone, now)
        if urgency in ("now", "later"):
            await self._child("fold", child.folding(folder, self._log, self._zone, now, wait=False))

    def note_segment(self) -> None:
        """Take note of the segment that this process writes to, so that its rows are known to be counted."""
        path = self._segment()
        if path is None or path == self._last:
            return
        self._purse.ledger.wrote_to(f"{path.parent.name}/{path.name}")
        self._finished = self._finished or self._last is not None
        self._last = path

    def _may(self, what: str) -> bool:
        now = time.monotonic()
        if now < self._not_before.get(what, 0.0):
            return False
        self._not_before[what] = now + _RETRY
        return True

    async def _child(self, what: str, command: list[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            _, stderr = await asyncio.wait_for(process.communicate(), _LONGEST)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode:
            self._once(f"counting the log for the budgets ({what}): {last_line(stderr.decode('utf-8', 'replace'))}")

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._tell(line)


def last_line(text: str) -> str:
    """Return the last line that a program said."""
    return (text.strip().splitlines() or ["it ended without a word"])[-1]
