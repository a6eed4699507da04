"""The pipeline without a server: parts that tests look into, a caller of whom they say when it reads and hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.gateway import running
from tests.gateway.upstream import Upstream
from tokenop.gateway.answering import Answering
from tokenop.gateway.app import app_of
from tokenop.gateway.model import Call, Event, Grant, Hit, Identity, Outcome, Serving, Settings
from tokenop.gateway.parts import Parts
from tokenop.gateway.seen.health import Health
from tokenop.gateway.upstream import GatewaySender
from tokenop.providers.base import Target
from tokenop.providers.model import Delta
from tokenop.routing import load
from tokenop.routing.chain import Notices

CHAT, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"


NOBODY = Identity()


class Fixed:
    """Holds one config for ever."""

    def __init__(self, serving: Serving) -> None:
        self.current = serving


@dataclass
class ListedLog:
    """A log in memory. `broken` is raised by whoever waits for it."""

    rows: list[Event] = field(default_factory=list)
    settled_at: list[int] = field(default_factory=list)
    broken: Exception | None = None

    def append(self, event: Event) -> None:
        self.rows.append(event)

    async def settled(self) -> None:
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        self.settled_at.append(len(self.rows))


@dataclass
class Told:
    """A part of every kind that writes down what it is told, and raises or answers what a test wants."""

    calls: list[Call] = field(default_factory=list)
    deltas: list[Delta] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    kept: list[Outcome] = field(default_factory=list)
    reserved: int = 0
    released: int = 0
    spent_on: list[Event] = field(default_factory=list)
    refusal: Exception | None = None
    hit: Hit | None = None
    granted: Callable[[Sequence[Target]], Grant] = lambda chain: Grant(tuple(chain))
    bug: Exception | None = None
    identity: Identity = NOBODY

    def identify(self, headers: Mapping[str, str]) -> Identity:
        return self.identity

    def welcomes(self, origin: str) -> bool:
        return False

    def reserve(self, call: Call, chain: Sequence[Target]) -> Grant:
        if self.refusal is not None:
            raise self.refusal
        self.reserved += 1
        return self.granted(chain)

    def spent(self, call: Call, event: Event) -> None:
        self.spent_on.append(event)

    def release(self, call: Call) -> None:
        self.released += 1

    async def look_up(self, call: Call) -> Hit | None:
        call.cached = "exact" if self.hit is not None else "miss"
        return self.hit

    def keep(self, call: Call, outcome: Outcome) -> None:
        self.kept.append(outcome)

    def began(self, call: Call) -> None:
        self.calls.append(call)
        if self.bug is not None:
            raise self.bug

    def delta(self, call: Call, delta: Delta) -> None:
        self.deltas.append(delta)

    def ended(self, call: Call, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self.bug is not None:
            raise self.bug


@dataclass
class Answer:
    """What a caller got. `status` is 0 where nothing came; `ended` whether the answer came to its end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """A caller who sends `body` in `cuts` pieces, and takes pieces while `reads` is set."""

    body: bytes
    cuts: int = 1
    answer: Answer = field(default_factory=Answer)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    hangs_up_after: int | None = None
    _sent: int = 0

    def __post_init__(self) -> None:
        self.reads.set()

    async def receive(self) -> dict[str, Any]:
        if self._sent < self.cuts and not self.gone.is_set():
            size = -(-len(self.body) // self.cuts)
            piece = self.body[self._sent * size : (self._sent + 1) * size]
            self._sent += 1
            return {"type": "http.request", "body": piece, "more_body": self._sent < self.cuts}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if self.gone.is_set():
            return
        answer = self.answer
        if message["type"] == "http.response.start":
            assert not answer.status, "a second answer"
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert answer.status, "a body before its status"
            assert not answer.ended, "a body after its end"
            answer.pieces.append(message["body"])
            answer.ended = not message.get("more_body", False)
        async with self.came:
            self.came.notify_all()
        if self.hangs_up_after is not None and len(answer.pieces) >= self.hangs_up_after:
            self.gone.set()

    async def until(self, holds: Callable[[Answer], bool]) -> None:
        """Wait until what came is as it should be."""
        async with self.came, asyncio.timeout(10):
            await self.came.wait_for(lambda: holds(self.answer))


@dataclass
class Rig:
    """Parts of one gateway, and its pipeline."""

    parts: Parts
    answering: Answering
    log: ListedLog
    told: Told
    said: list[str]

    def __post_init__(self) -> None:
        self._app = app_of(self.parts, self.answering)

    async def run(self, caller: Caller, path: str = CHAT, method: str = "POST", **headers: str) -> Answer:
        """Have one call answered; `_` in the names of `headers` is `-`."""
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": raw, "root_path": "", "scheme": "http", "server": ("127.0.0.1", 1), "client": None,
        }  # fmt: skip
        await self._app(scope, caller.receive, caller.send)
        return caller.answer

    async def ask(
        self, path: str = CHAT, *, model: str = "auto", headers: Mapping[str, str] | None = None, **fields: Any
    ) -> Answer:
        """Ask for an answer to "Hi"."""
        return await self.run(Caller(asked(path, model=model, **fields)), path, **(headers or {}))


def asked(path: str = CHAT, *, model: str = "auto", **fields: Any) -> bytes:
    """Return the body of a request."""
    if path == EMBEDDINGS:
        return json.dumps({"model": model, "input": "Hi", **fields}).encode()
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return json.dumps({"max_tokens": 20, **body} if path == MESSAGES else body).encode()


def serving_of(up: Upstream, folder: Path, faults: Sequence[str] = (), **sections: Any) -> Serving:
    """Return a config of four tiers before `up`, as `tests.gateway.running.config` has it."""
    path = folder / "test.yaml"
    path.write_text(running.config(up, faults, **sections), encoding="utf-8")
    return Serving(load(path), "0" * 64, datetime.now(UTC), (path,))


@asynccontextmanager
async def rig(serving: Serving, folder: Path, *, durable: bool = False) -> AsyncIterator[Rig]:
    """Run a pipeline on `serving`."""
    log, told, said = ListedLog(), Told(), []
    env = {running.KEY: running.SECRET}
    async with GatewaySender(env) as sender:
        parts = Parts(
            settings=Settings(root=folder, state=folder / "state", env=env, durable=durable),
            applied=Fixed(serving),
            gatekeeper=told,
            purse=told,
            responses=told,
            prompts=None,
            log=log,
            sender=sender,
            notices=Notices(said.append),
            tell=said.append,
            health=Health(started=datetime.now(UTC)),
            watchers=[told],
        )
        made = Rig(parts, Answering(parts), log, told, said)
        yield made
        await made.answering.idle()
