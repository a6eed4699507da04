"""The purse of one gateway, opened from its settings and looked after until the gateway ends."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.errors import InputError
from tokenop.gateway.budgets import child, folding, settings
from tokenop.gateway.budgets.keeping import Keeper, last_line
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.budgets.windows import zone_of
from tokenop.gateway.model import Settings
from tokenop.providers import registry
from tokenop.providers.base import Target
from tokenop.routing.chain.charging import shipped_prices

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

Tell = Callable[[str], None]
LOG = "log"


def begun(
    started: Settings,
    own: Callable[[], Mapping[str, Any]],
    segment: Callable[[], Path | None],
    tell: Tell,
    stack: contextlib.AsyncExitStack,
) -> PurseOfAll:
    """Return the purse of a gateway, looked after from now on; its end is left on `stack`.

    Args:
        started: how the gateway was started.
        own: gives `tokenop/gateway.yaml` as it is in force. Another zone there holds from the next start on.
        segment: gives the segment of the log that this process writes to now.
        tell: takes a line for whoever runs the gateway.
        stack: of what is to be ended.

    Raises:
        InputError: no such zone, or a folder that cannot be written.
    """
    zone, log = settings.read(own()).zone, started.state / LOG
    usable = _usable(started)
    purse = opened(started.state / folding.FOLDER, log, zone, tell=tell, book=shipped_prices, usable=usable)
    stack.callback(purse.close)
    keeper = Keeper(purse, log, zone, segment=segment, throttle=lambda: settings.read(own()).throttle, tell=tell)
    stack.push_async_callback(_ended, asyncio.get_running_loop().create_task(keeper.run()))
    return purse


def opened(
    folder: Path,
    log: Path,
    zone: str,
    *,
    tell: Tell,
    book: Callable[[], PriceBook],
    usable: Callable[[Target], bool] = lambda _: True,
    now: Callable[[], float] = time.time,
) -> PurseOfAll:
    """Return the purse of this process, once all rows of the log that count are counted.

    Where nobody counted rows of the log yet, since the folder is new or was removed, that takes as long as reading the
    rows of this month takes.

    Args:
        folder: of the budgets.
        log: of the event log.
        zone: of days and months, by name.
        tell: takes a line for whoever runs the gateway.
        book: gives the price book.
        usable: whether a target can be asked at all.
        now: the time, in seconds since 1970.

    Raises:
        InputError: no such zone, or a folder that cannot be written.
    """
    try:
        purse = PurseOfAll(folder, zone_of(zone), now(), book=book, usable=usable)
    except OSError as error:
        raise InputError(f"{folder}: budgets cannot be counted there: {error.strerror or error}") from error
    match folding.urgency(folder, log, zone, now()):
        case "empty":
            folding.fold(folder, log, zone, now(), wait=True)
        case "now":
            tell("counting the calls of this month for the budgets …")
            ran = subprocess.run(  # noqa: S603 our own program
                child.folding(folder, log, zone, now(), wait=True), capture_output=True, text=True, check=False
            )
            if ran.returncode:
                tell(f"earlier calls are missing in the budgets: {last_line(ran.stderr)}")
    return purse


def _usable(started: Settings) -> Callable[[Target], bool]:
    if started.recordings is not None:
        return lambda _: True
    return lambda target: registry.usable(target, started.env, sdk=False) is None


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
