"""The one way to ask an HTTP API: pinned to the declared hosts, patient, and careful with what comes back.

`Transport` does all of it below the client, so that it holds for the vendors' clients as well: httpx and its
successor httpx2 take it as they are. Each attempt is judged whole: an answer that breaks off, unpacks to more than it
may or is not JSON never reaches the caller.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from tokenop.collect.manifest import Manifest
from tokenop.errors import TokenOpError
from tokenop.extract import answers, job
from tokenop.extract.egress import EgressError, Hosts
from tokenop.extract.failures import (
    Asked,
    AuthenticationError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    RateLimitError,
    RedirectError,
    RefusedRequestError,
    ServerError,
    UnreachableError,
)
from tokenop.extract.model import ExtractError, MissingCredentials, MissingExtra, Waiter
from tokenop.extract.retry import Policy, Transient, attempt, retry_after

# Codes that may pass by themselves, besides 5xx.
_PASSING = frozenset({408, 425, 429})
# 5xx that stay: not implemented, version not supported.
_LASTING = frozenset({501, 505})
_CREDENTIALS = ("authorization", "x-api-key", "api-key", "cookie", "proxy-authorization")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source answers.

    Attributes:
        url: base URL, without a final slash.
        hosts: patterns of all hosts that may be talked to.
        login: the variables that hold the credential, for messages.
        secrets: values that must not appear in any message.
    """

    url: str
    hosts: tuple[str, ...]
    login: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def scheme(self) -> str:
        """Return `http` or `https`; an https origin never answers over http."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """Return the host's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Return the port, also where the URL leaves it to the scheme."""
        return _port(self.scheme, urlsplit(self.url).port)


@dataclass(frozen=True, slots=True)
class Manner:
    """How to ask, and what not to put up with.

    Attributes:
        wait: waits so many seconds, for the reason given.
        random: draws the jitter.
        policy: limits of trying again.
        timeout: seconds without a byte.
        deadline: seconds for one whole answer.
        largest: bytes of one answer, unpacked.
    """

    wait: Waiter
    random: Random = field(default_factory=Random)
    policy: Policy = field(default_factory=Policy)
    timeout: float = 60.0
    deadline: float = 600.0
    largest: int = 256 * 1024 * 1024
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic


class Transport:
    """A transport for `httpx.Client` or `httpx2.Client` (`backend` is the module).

    Raises typed `ExtractError`s and nothing else; `stream` is named in their messages.
    """

    def __init__(self, backend: Any, origin: Origin, manner: Manner) -> None:
        self.stream = ""
        self._backend = backend
        self._origin = origin
        self._manner = manner
        self._hosts = Hosts(origin.hosts)
        self._inner = backend.HTTPTransport(proxy=_proxy(origin))

    def handle_request(self, request: Any) -> Any:
        """Send, wait and send again until there is a sound answer; return it with its body read."""
        asked = Asked(request.method, request.url.host, request.url.path, self.stream)
        self._pin(request, asked)
        manner = self._manner
        return attempt(lambda: self._once(request, asked), manner.wait, manner.random, manner.policy)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def __enter__(self) -> Transport:
        """Open for use in `with`."""
        self._inner.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        """Close the connections."""
        self._inner.__exit__(*details)

    def _pin(self, request: Any, asked: Asked) -> None:
        url = request.url
        if not self._hosts.allows(url.host):
            raise EgressError(asked.host, self._origin.hosts)
        if url.scheme != self._origin.scheme and url.scheme != "https":
            raise RedirectError(f"{asked}: is sent from https to {url.scheme}; a credential would go in the clear")
        if (url.host, _port(url.scheme, url.port)) != (self._origin.host, self._origin.port):
            # Clients drop Authorization when they follow elsewhere, but no vendor's own header. Another port of one
            # host can be another program.
            for name in _CREDENTIALS:
                request.headers.pop(name, None)
        request.headers["accept-encoding"] = "gzip"

    def _once(self, request: Any, asked: Asked) -> Any:
        manner = self._manner
        try:
            answer = self._inner.handle_request(request)
            with contextlib.closing(answer):
                headers = dict(answer.headers)
                body = answers.body(answer.stream, headers, manner.largest, manner.clock() + manner.deadline,
                                    manner.clock, asked)  # fmt: skip
        except self._backend.TransportError as error:
            raise self._broken(error, asked) from None
        self._judge(answer.status_code, headers, body, asked)
        kept = {
            k: v for k, v in headers.items() if k not in ("content-encoding", "content-length", "transfer-encoding")
        }
        return self._backend.Response(answer.status_code, headers=kept, content=body, request=request)

    def _judge(self, status: int, headers: Mapping[str, str], body: bytes, asked: Asked) -> None:
        if status in _PASSING or (status >= 500 and status not in _LASTING):
            after = retry_after(headers, self._manner.now())
            kind = RateLimitError if status == 429 else ServerError
            until = f", and asks to wait {after:.0f} s" if after else ""
            raise Transient(kind(f"{asked}: answered {status}{until}; try again later"), after)
        if status >= 400:
            raise self._refusal(status, body, asked)
        if 300 <= status < 400:
            return  # the client follows, and comes back here with the new address
        if not answers.is_json(body):
            kind_ = re.sub(r"[^\w/+.-]", "", headers.get("content-type", "").partition(";")[0]) or "no type"
            message = f"{asked}: answered {status} with what is not JSON ({kind_}, {len(body)} bytes)"
            raise Transient(MalformedError(f"{message}; is the address right?"))

    def _refusal(self, status: int, body: bytes, asked: Asked) -> ExtractError:
        login = self._origin.login
        if status == 401:
            return AuthenticationError(f"{asked}: the credential was refused (401); check {login}")
        if status == 403:
            return ForbiddenError(f"{asked}: the credential of {login} lacks the right to read this (403)")
        said = answers.excerpt(body, self._origin.secrets)
        text = f"{asked}: answered {status}" + (f": {said}" if said else "")
        return NotFoundError(text) if status == 404 else RefusedRequestError(text, status)

    def _broken(self, error: Exception, asked: Asked) -> Exception:
        kind = type(error).__name__
        if _caused_by(error, ssl.SSLCertVerificationError):
            return UnreachableError(f"{asked}: its certificate is not trusted; SSL_CERT_FILE names further authorities")
        if isinstance(error, (self._backend.UnsupportedProtocol, self._backend.LocalProtocolError)):
            return UnreachableError(f"{asked}: cannot be asked ({kind}); check the address and {self._origin.login}")
        return Transient(UnreachableError(f"{asked}: no whole answer ({kind})"))


class Client:
    """A client for an API that has none of its own: `get` and `post` return parsed JSON, floats as exact text."""

    def __init__(self, origin: Origin, headers: Mapping[str, str], manner: Manner, extra: tuple[str, str]) -> None:
        """Open it; `extra` is the collector's name and the pip extra that brings httpx.

        Raises:
            MissingExtra: httpx is not installed.
        """
        backend = _import("httpx", extra)
        self._origin = origin
        self._transport = Transport(backend, origin, manner)
        self._client = http_client(backend.Client, self._transport, manner, headers=dict(headers))

    def get(self, path: str, parameters: Mapping[str, Any], stream: str = "") -> Any:
        """Return the JSON that `GET path?parameters` answers. Raises `ExtractError`."""
        return self._ask("GET", path, stream, params={k: v for k, v in parameters.items() if v is not None})

    def post(self, path: str, body: object, stream: str = "") -> Any:
        """Return the JSON that `POST path` with a JSON body answers. Raises `ExtractError`."""
        return self._ask("POST", path, stream, json=body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, method: str, path: str, stream: str, **options: Any) -> Any:
        self._transport.stream = stream
        asked = Asked(method, self._origin.host, path, stream)
        with own_errors(asked):
            answer = self._client.request(method, self._origin.url + path, **options)
            return parse(answer.content, asked)


def http_client(kind: Any, transport: Transport, manner: Manner, **options: Any) -> Any:
    """Return a client of class `kind` (httpx's, httpx2's, or a vendor's subclass) that sends through `transport`."""
    return kind(
        transport=transport, timeout=manner.timeout, follow_redirects=True, max_redirects=5, trust_env=False, **options
    )


def backend_of(kind: Any) -> Any:
    """Return the module, httpx or httpx2, that a vendor's client class is built on."""
    names = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return importlib.import_module(next(name for name in names if name in ("httpx", "httpx2")))


@contextlib.contextmanager
def own_errors(asked: Asked) -> Iterator[None]:
    """Let our errors out of a client that wraps them; replace the client's own, which may quote what they should not.

    Raises:
        ExtractError: whatever the client raised.
    """
    try:
        yield
    except TokenOpError:
        raise
    except Exception as error:
        ours = _caused_by(error, TokenOpError)
        if ours is not None:
            raise ours from None
        if type(error).__module__.partition(".")[0] in ("tokenop", "builtins"):
            raise  # a mistake of ours, not of the source
        raise MalformedError(f"{asked}: no answer that its client understands ({type(error).__name__})") from None


def parse(body: bytes, asked: Asked) -> Any:
    """Return JSON with floats as they were written, as text: money and times must not pass through binary floats.

    Raises:
        MalformedError: it is no JSON, or holds what Python cannot.
    """
    try:
        return json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        raise MalformedError(f"{asked}: answered with what is not JSON") from None


def origin(
    manifest: Manifest,
    environment: Mapping[str, str],
    variable: str,
    default: str = "",
    login: str = "",
    secrets: tuple[str, ...] = (),
) -> Origin:
    """Return where the source answers: the URL in `variable`, or the vendor's. The rest is as in `Origin`.

    Raises:
        MissingCredentials: the variable is not set and the vendor has no address of its own.
        EgressError: the host is not one that the manifest declares.
        ExtractError: the variable holds no URL.
    """
    url = (environment.get(variable) or default).strip().rstrip("/")
    if not url:
        raise MissingCredentials(f"{variable} is not set; it holds the URL of your {manifest.title}")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise ExtractError(f"{variable}: is no URL such as https://{urlsplit(default).hostname or 'api.example.com'}")
    hosts = job.hosts(manifest, environment)
    if not Hosts(hosts).allows(host):
        raise EgressError(host, hosts)
    shown = f"[{host}]" if ":" in host else host
    return Origin(f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path}", hosts, login, secrets)


def credential(environment: Mapping[str, str], *names: str) -> str:
    """Return the first of these variables that is set.

    Raises:
        MissingCredentials: none is, or it holds what cannot stand in a header; the message names the variable alone.
    """
    for name in names:
        value = environment.get(name, "").strip()
        if value and (not value.isascii() or not value.isprintable() or " " in value):
            raise MissingCredentials(f"{name}: holds a space, a line break or another character that no key has")
        if value:
            return value
    raise MissingCredentials(f"{names[0]} is not set" + (f" (nor {', '.join(names[1:])})" if names[1:] else ""))


def named(environment: Mapping[str, str], *names: str) -> str:
    """Return the first of these variables that is set, or the first of them."""
    return next((name for name in names if environment.get(name, "").strip()), names[0])


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)


def _proxy(origin: Origin) -> str | None:
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    proxies = getproxies_environment()
    local = origin.host == "localhost" or origin.host.startswith("127.") or origin.host == "::1"
    if local or proxy_bypass_environment(origin.host, proxies):
        return None
    return proxies.get(origin.scheme) or proxies.get("all") or None


def _caused_by(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen


def _import(name: str, extra: tuple[str, str]) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra(*extra) from None
