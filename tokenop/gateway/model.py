"""What a call is on its way through the gateway, and the parts that it meets there.

The order is always the same: who asks, what is asked, an answer kept from before, who may answer, whether there is
money for it, the chain of providers, and in `finally` its rows. Each part is a Protocol; `tokenop.gateway.assembling`
is where they are put together, and nothing else names more than one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from tokenop.errors import TokenOpError
from tokenop.providers.base import Target
from tokenop.providers.model import Delta, Request, Response, nothing
from tokenop.routing.chain import Attempt
from tokenop.routing.model import Decision, Facts, RoutingConfig

Event = dict[str, Any]
Wire = Literal["openai-chat", "anthropic-messages", "openai-embeddings"]
CacheWord = Literal["off", "miss", "exact", "semantic", "skipped"]

PORT = 18789
HOST = "127.0.0.1"


class RefusedCallError(TokenOpError):
    """The gateway itself refuses a call. `status` is the HTTP status, `kind` a word for programs.

    `retry_after` is in seconds, None where asking again changes nothing.
    """

    def __init__(self, message: str, *, status: int, kind: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Settings:
    """How one gateway was started.

    `root` is the project whose applied files (`tokenop/router.yaml`, `tokenop/cache.yaml`, `tokenop/gateway.yaml`) are
    read, `state` the folder of all that it writes (`$TOKENOP_HOME/gateway`), `config` another routing config than the
    shipped one. `worker` numbers the processes of one address from 0, and `metrics` is the folder in which they count
    together (None: one process). `lines` asks for a line of JSON on stderr for each call.
    """

    root: Path
    state: Path
    env: Mapping[str, str]
    config: Path | None = None
    host: str = HOST
    port: int = PORT
    durable: bool = False
    workers: int = 1
    worker: int = 0
    recordings: Path | None = None
    metrics: Path | None = None
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Serving:
    """What is in force: read, checked and never changed. A call keeps the one it began with.

    `digest` is of all files that it was made of. `own` is `tokenop/gateway.yaml` as it stands, checked by schema; each
    part reads its section (numbers with a point are Decimal). `skips` are the conditions of
    `cache.response_cache.skip`, compiled: reading them takes DuckDB, which the serving process does not hold.
    """

    config: RoutingConfig
    digest: str
    loaded: datetime
    files: tuple[Path, ...]
    own: Mapping[str, Any] = field(default_factory=nothing, hash=False)
    skips: tuple[Callable[[Facts], bool | None], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: what the key says, None where there is no key or it does not say. `key_id` is no secret."""

    key_id: str | None = None
    user_id: str | None = None
    department: str | None = None
    tenant: str | None = None


@dataclass(slots=True)
class Call:
    """One call under way.

    `labels` holds what the caller says of it (intent, session_id, task_id, agent_id, domain, region), cut to what an
    event may hold. `body` is the request as it came, `request` the same read. `input_tokens` is an estimate. `tier` is
    set with the decision. `cached` says what the response cache did. `notes` is for parts that must remember something
    from one step to the next: each under its own name.
    """

    operation_id: str
    wire: Wire
    body: Mapping[str, Any]
    request: Request
    identity: Identity
    labels: Mapping[str, str]
    serving: Serving
    started: datetime
    received: float
    headers: Mapping[str, str] = field(default_factory=nothing)
    asked: str | None = None
    input_tokens: int | None = None
    facts: Facts = field(default_factory=nothing)
    decision: Decision | None = None
    tier: str | None = None
    cached: CacheWord = "off"
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: told to all who watch, once, after its rows were handed to the log.

    `status` is what the caller was answered (499: the caller was gone before the end). `cost_usd` is None where a price
    is unknown. `refused` is the gateway's own refusal. `response` is None where there is no whole answer.
    """

    status: int
    attempts: tuple[Attempt, ...] = ()
    response: Response | None = None
    cost_usd: Decimal | None = None
    latency_ms: float = 0.0
    ttft_ms: float | None = None
    refused: RefusedCallError | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer kept from before. `tokens_saved` is what the answer had used; `response.raw` is never set.

    `tokens_saved` is None where nobody knows.
    """

    kind: Literal["exact", "semantic"]
    response: Response
    provider: str
    tokens_saved: int | None
    likeness: float = 1.0
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to spend. `chain` is the one to ask: another than the decision's where a limit led to cheaper providers."""

    chain: tuple[Target, ...]
    downgraded: str | None = None
    warnings: tuple[str, ...] = ()


class Log(Protocol):
    """Takes events. One for a process."""

    def append(self, event: Event) -> None:
        """Take one event: at once, without waiting for a disk. Never raises; what goes wrong is told loudly."""
        ...

    async def settled(self) -> None:
        """Return when all that was appended before is on disk. Raises LogError where it cannot get there."""
        ...


class Gatekeeper(Protocol):
    """Knows who asks."""

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Return who asks. Raises RefusedCallError (401) where a key is needed, and is missing, unknown or revoked."""
        ...

    def welcomes(self, origin: str) -> bool:
        """Return whether the script of a page in a browser may call, and read what it is answered."""
        ...


class Purse(Protocol):
    """Counts what may be spent, over all processes of this machine. Quick enough to be asked in the loop."""

    def reserve(self, call: Call, chain: Sequence[Target]) -> Grant:
        """Put the worst case of a call aside. Raises RefusedCallError (429) naming the limit and when it is reset."""
        ...

    def spent(self, call: Call, event: Event) -> None:
        """Take note of one attempt's row, after it was handed to the log."""
        ...

    def release(self, call: Call) -> None:
        """Give back what is left of the reservation. Belongs in `finally`."""
        ...


class ResponseCache(Protocol):
    """Keeps answers."""

    async def look_up(self, call: Call) -> Hit | None:
        """Return an answer kept from before, and say in `call.cached` what was done."""
        ...

    def keep(self, call: Call, outcome: Outcome) -> None:
        """Take note of an answer, whole or not: it decides by itself what is worth keeping. Returns at once."""
        ...


class PromptCache(Protocol):
    """Says where a provider should cache the prompt."""

    def prepared(self, call: Call, target: Target, request: Request) -> Request:
        """Return the request with its breakpoints; the same object where nothing changes."""
        ...

    def seen(self, call: Call, outcome: Outcome) -> None:
        """Learn from what came of a call."""
        ...


class Watcher(Protocol):
    """Sees calls from outside. Quick; what it raises is a bug and is told, never the caller's trouble."""

    def began(self, call: Call) -> None:
        """Take note that a call was read."""
        ...

    def delta(self, call: Call, delta: Delta) -> None:
        """Take note of a piece that was passed on. Watchers that need none say so by `wants_deltas = False`."""
        ...

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Take note of the end."""
        ...


class Applied(Protocol):
    """Holds what is in force, and swaps it when the files change."""

    @property
    def current(self) -> Serving:
        """Return what is in force now."""
        ...
