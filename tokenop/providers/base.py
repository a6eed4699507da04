"""What a wire's format, a provider and a sender are, and whom a request goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tokenop.providers.errors import ProviderError
from tokenop.providers.model import AsSent, Delta, Request, Response, nothing


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds: for a connection, for the first token, for the whole answer."""

    connect: float = 5.0
    first_token: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a request goes to.

    `name` is the word of the routing config's chain (`ollama-fallback`), `provider` a key of
    `tokenop.providers.registry.PROVIDERS`. `base_url` and `api_key_env` are None where the provider's own hold.
    """

    name: str
    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    priority: int = 100
    options: Mapping[str, Any] = field(default_factory=nothing, hash=False)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it goes on the wire; headers without the key. `path` is relative to the provider's base URL."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class StreamReader(Protocol):
    """Reads one streamed answer. Bytes may be cut anywhere."""

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield what `data` completes. Raises MalformedError, or the ProviderError that the stream itself tells."""
        ...

    def end(self) -> Response:
        """Return the whole answer. Raises MalformedError where the stream was cut before its end."""
        ...

    def left(self) -> bytes:
        """Return the bytes that came and went with no Delta, where raw bytes are kept."""
        ...


class Format(Protocol):
    """How a wire speaks. Pure: no I/O, no clock, no environment."""

    name: str

    def read_request(self, body: Mapping[str, Any]) -> Request:
        """Return the request that a body of this wire is. Raises BadRequestError naming the field."""
        ...

    def write_request(self, request: Request, target: Target) -> WireRequest:
        """Return the request on this wire. Raises CannotCarryError naming all that it cannot say."""
        ...

    def read_response(self, body: bytes) -> Response:
        """Return the answer that a body of this wire is. Raises MalformedError."""
        ...

    def pass_on(self, sent: AsSent, request: Request, target: Target) -> WireRequest | None:
        """Return what a caller of this wire sent, for `target`'s model; None where it must be written anew.

        `request` is the same, read: whether the answer is streamed is taken from there.
        """
        ...

    def reader(self, *, keep_raw: bool = False, without_usage: bool = False) -> StreamReader:
        """Return a reader of one streamed answer.

        Args:
            keep_raw: put the bytes that came onto the Deltas, for a caller of the same wire.
            without_usage: but not those of a chunk that tells the usage alone: the caller did not ask for it.
        """
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return the error that a status other than 2xx tells."""
        ...


class WholeSender(Protocol):
    """Gets whole answers. Safe to use from several threads."""

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        ...


class Sender(WholeSender, Protocol):
    """Puts requests on the wire with a vendor's SDK. Safe to use from several threads."""

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        ...


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a wire ends, and how one is let in.

    `sender` is the module of `tokenop.providers.sending` whose `sender()` sends with the SDK; `extra` what pip installs
    for it. `cache_metrics` says whether its answers tell what was read from a cache. `key_env` is None where no key is
    needed; `url_env` names the variable that overrides `base_url`.
    """

    name: str
    title: str
    format: str
    base_url: str
    key_env: str | None
    priority: int
    sender: str
    extra: str | None
    local: bool = False
    cache_metrics: bool = False
    url_env: str | None = None
