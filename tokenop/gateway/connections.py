"""Connections to providers, kept for the next call: what the gateway needs of aiohttp's session.

A parser in C (httptools, which reads the callers' requests as well) does what is to be done for each byte. What goes
through a proxy goes through aiohttp itself, which is loaded then: it takes longer than all else that serving needs.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tokenop import __version__
from tokenop.gateway.exchanges import Answer, Connection

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

KEPT_SECONDS = 30.0  # a little shorter than servers usually do, so that few are gone when they are needed
_AGENT = f"user-agent: tokenop/{__version__}\r\n"
_MOST_PLACES = 4096
_TURNS = 100  # of the loop, in which it closes what was hung up


class ConnectError(ConnectionError):
    """Nobody there: no connection came about."""


class NoAddressError(OSError):
    """What should be an address is none."""


class _Place(NamedTuple):
    """Where a URL leads: a key of the pool, and how requests to it begin, but for the method."""

    secure: bool
    host: str
    port: int
    begins: str

    @property
    def key(self) -> tuple[bool, str, int]:
        return self.secure, self.host, self.port


class Connections:
    """A pool of connections in one event loop. Stands in for an `aiohttp.ClientSession`; `close` it in the end."""

    def __init__(self) -> None:
        """Begin with none."""
        self._loop = asyncio.get_running_loop()
        self._idle: dict[tuple[bool, str, int], list[Connection]] = {}
        self._places: dict[URL, _Place] = {}
        self._open: set[Connection] = set()
        self._secure: ssl.SSLContext | None = None
        self._proxied: aiohttp.ClientSession | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def request(
        self,
        method: str,
        url: URL | str,
        *,
        data: bytes | io.BytesIO,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        proxy: str | None = None,
        allow_redirects: bool = False,
    ) -> Answer | aiohttp.ClientResponse:
        """Send a request; return its answer when its headers have come. Redirects are answers like others.

        Raises:
            OSError: nobody there, or the connection broke; of what went through a proxy also aiohttp.ClientError.
            ValueError: a header holds what none can.
        """
        if proxy is not None:
            import aiohttp

            patience = aiohttp.ClientTimeout(total=None, sock_connect=timeout.sock_connect)
            return await self._by_proxy().request(
                method, url, data=data, headers=headers, timeout=patience, proxy=proxy, allow_redirects=allow_redirects
            )
        place = self._place(url)
        body = data if isinstance(data, bytes) else data.getvalue()
        head = f"{method} {place.begins}{_lines(headers)}content-length: {len(body)}\r\n\r\n".encode("latin-1")
        connection = self._rested(place) or await self._connected(place, timeout.sock_connect)
        try:
            return await connection.ask(head, body)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        """Close all connections, also those in use."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.close()
        for _ in range(_TURNS):
            if not self._open:
                break
            await asyncio.sleep(0)
        if self._proxied is not None:
            await self._proxied.close()

    def _by_proxy(self) -> aiohttp.ClientSession:
        if self._proxied is None:
            import aiohttp

            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS)
            self._proxied = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), connector=connector, auto_decompress=False
            )
        return self._proxied

    def _place(self, url: URL | str) -> _Place:
        if isinstance(url, str):
            raise NoAddressError("the base URL is no address")
        known = self._places.get(url)
        if known is not None:
            return known
        if not url.host or url.port is None:
            raise NoAddressError("the base URL is no address")
        if len(self._places) >= _MOST_PLACES:
            self._places.clear()
        begins = f"{url.raw_path_qs} HTTP/1.1\r\nhost: {url.host_port_subcomponent}\r\n{_AGENT}"
        found = self._places[url] = _Place(url.scheme == "https", url.host, url.port, begins)
        return found

    def _rested(self, place: _Place) -> Connection | None:
        """Return the connection that was used last, so that those that are not needed grow old."""
        resting = self._idle.get(place.key)
        now = self._loop.time()
        while resting:
            connection = resting.pop()
            if connection.usable and now - connection.since < KEPT_SECONDS:
                return connection
            connection.close()
        return None

    async def _connected(self, place: _Place, seconds: float | None) -> Connection:
        try:
            async with asyncio.timeout(seconds):
                return await self._connect(place, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"no connection to {place.host}:{place.port} in time") from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConnectError(f"cannot connect to {place.host}:{place.port}: {reason}") from error

    async def _connect(self, place: _Place, seconds: float | None) -> Connection:
        """Try each address of a host, each with its share of the time: one that is dead must not use up all of it."""
        found = await self._loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys((family, address[0]) for family, _, _, _, address in found))
        last: OSError = ConnectionRefusedError(None, "no address")
        for number, (family, address) in enumerate(addresses):
            share = None if seconds is None else seconds / (len(addresses) - number)
            try:
                async with asyncio.timeout(share):
                    return await self._opened(place, family, str(address))
            except OSError as error:  # TimeoutError is one
                last = error
        raise last

    async def _opened(self, place: _Place, family: int, address: str) -> Connection:
        secure = self._context() if place.secure else None
        _, connection = await self._loop.create_connection(
            lambda: Connection(place.key, self),
            address,
            place.port,
            family=family,
            ssl=secure,
            server_hostname=place.host if secure else None,
        )
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._secure is None:
            self._secure = ssl.create_default_context()
            self._secure.set_alpn_protocols(["http/1.1"])
        return self._secure

    # ---- what connections tell

    def began(self, connection: Connection) -> None:
        """Take note of a connection."""
        self._open.add(connection)

    def ended(self, connection: Connection) -> None:
        """Take note that a connection is no more."""
        self._open.discard(connection)

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next call."""
        connection.since = self._loop.time()
        self._idle.setdefault(connection.key, []).append(connection)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(KEPT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        oldest = self._loop.time() - KEPT_SECONDS
        for key, resting in list(self._idle.items()):
            young = [one for one in resting if one.usable and one.since > oldest]
            for one in resting:
                if one not in young:
                    one.close()
            if young:
                self._idle[key] = young
            else:
                del self._idle[key]
        if self._idle:
            self._sweeping = self._loop.call_later(KEPT_SECONDS, self._sweep)


def _lines(headers: Mapping[str, str]) -> str:
    """Return headers as they stand on the wire.

    Raises:
        ValueError: one holds what would begin another; the words do not quote it.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header holds a line's end")
    return lines
