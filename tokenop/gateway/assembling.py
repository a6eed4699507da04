"""Where the parts of one gateway are put together, begun in order, and ended in the other order."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenop.errors import MisuseError
from tokenop.gateway.applied import Holder
from tokenop.gateway.applied.asking import Reader
from tokenop.gateway.budgets import opening as budgets
from tokenop.gateway.identity import KeyedDoor, is_loopback
from tokenop.gateway.log import opening
from tokenop.gateway.log.writing import EventLog
from tokenop.gateway.model import Gatekeeper, PromptCache, Purse, ResponseCache, Settings, Watcher
from tokenop.gateway.parts import Parts, utc_now
from tokenop.gateway.prompts import opening as prompts
from tokenop.gateway.responses.cache import Responses
from tokenop.gateway.seen.health import Health
from tokenop.gateway.upstream import GatewaySender
from tokenop.routing.chain import Notices
from tokenop.routing.chain.charging import shipped_prices

Tell = Callable[[str], None]
Process = subprocess.Popen[bytes]


@contextlib.asynccontextmanager
async def assembled(settings: Settings, tell: Tell, early: Process | None = None) -> AsyncIterator[Parts]:
    """Yield the parts, ready to be used; whatever happens, all that were begun are ended.

    Args:
        settings: how the gateway was started.
        tell: takes a line for the person who started it.
        early: the process that is to read the files first, where it was begun before.

    Raises:
        FindingsError: what is wrong in the files in force.
        InputError: a file or folder cannot be read or written.
        MisuseError: an address that others reach, and no keys.
    """
    async with contextlib.AsyncExitStack() as stack:
        # It reads in a process of its own while the rest is made ready.
        holder = Holder(settings, tell=tell, reader=None if early is None else _first(early))
        stack.callback(holder.stop)
        shipped_prices()
        sender = await stack.enter_async_context(GatewaySender(settings.env, settings.recordings))
        holder.start()
        yield await _Assembly(settings, tell, holder, sender, stack).parts()


def _first(process: Process) -> Callable[[Path, Mapping[str, str]], Reader]:
    """Return what starts readers: the first one with a process that was begun before."""
    begun = [process]
    return lambda root, env: Reader(root, env, begun.pop() if begun else None)


@dataclass(frozen=True, slots=True)
class _Assembly:
    """What parts are made of. Each is made in its own method; what must be ended is left on `stack`."""

    settings: Settings
    tell: Tell
    holder: Holder
    sender: GatewaySender
    stack: contextlib.AsyncExitStack

    async def parts(self) -> Parts:
        log = self.log()
        return Parts(
            settings=self.settings,
            applied=self.holder,
            gatekeeper=self.gatekeeper(),
            log=log,
            watchers=[*self.keeping()],
            purse=self.purse(log),
            responses=self.responses(),
            prompts=self.prompts(),
            sender=self.sender,
            notices=Notices(self.tell),
            tell=self.tell,
            health=Health(started=utc_now(), sources={"log": lambda: log.health().told()}),
        )

    def gatekeeper(self) -> Gatekeeper:
        host, holder = self.settings.host, self.holder
        door = KeyedDoor(self.settings.state, host, holder.current.own, tell=self.tell)
        if not (is_loopback(host) or door.count):
            fix = "make one with tokenop keys create --user NAME, or use 127.0.0.1"
            raise MisuseError(f"--host {host}: others reach this address, and there is no key; {fix}")
        holder.on_change(lambda _, new: door.settings(new.own))
        holder.also(door.path, door.reload)
        return door

    def log(self) -> EventLog:
        log = opening.opened(self.settings, self.tell)
        self.stack.callback(log.close)
        return log

    def keeping(self) -> tuple[Watcher, ...]:
        keeping = opening.Keeping(self.settings, self.holder.current.own, self.tell)
        self.holder.on_change(lambda _, new: keeping.changed(new.own))
        keeping.begin(self.stack)
        return keeping.watchers

    def purse(self, log: EventLog) -> Purse:
        holder = self.holder
        return budgets.begun(
            self.settings, lambda: holder.current.own, lambda: log.health().segment, self.tell, self.stack
        )

    def responses(self) -> ResponseCache:
        cache = Responses(self.settings, tell=self.tell)
        self.stack.push_async_callback(cache.close)
        cache.begin(self.holder.current)
        return cache

    def prompts(self) -> PromptCache | None:
        return prompts.opened(self.settings)


def log_folder(settings: Settings) -> Path:
    """Return where the log is."""
    return settings.state / "log"
