"""Ask whether the pages that templates, prices and docs link to are still there.

Only addresses of the public internet are asked: what a contributor wrote must not reach a machine inside. Each host is
asked one thing at a time, with a pause.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tokenop import __version__
from tokenop.community.links import Answer, Checked, gather, judged, written
from tokenop.community.pull_request_output import logged
from tokenop.errors import NoInputError, TokenOpError

ROOT = Path(__file__).resolve().parents[1]
AGENT = f"tokenop-link-check/{__version__} (asks once a week; a HEAD request, a GET where that is not answered)"
SECONDS = 15.0  # for a connection, and for each answer
MOST_HOPS = 5
MOST_BYTES = 64 * 1024  # of a page; that it answers is enough
PAUSE = 1.0  # seconds between two requests to one host
AT_ONCE = 8
PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})

EXAMPLES = """examples:
  python scripts/check_links.py --list                     the addresses, and where they stand; nothing is asked
  python scripts/check_links.py --out links.json           ask, and write what generate_weekly_report.py reads
  python scripts/check_links.py --only docs.vllm.ai        ask one host only

Exit code 1 where a page is gone (404 or 410).
"""


class Refused(Exception):  # noqa: N818 it is an answer
    """An address that is not asked."""


@dataclass
class Asker:
    """Asks addresses, politely and only public ones.

    `allowed` holds `host:port` pairs that may be asked although they are not public: tests serve on this machine.
    """

    allowed: frozenset[str] = frozenset()
    seconds: float = SECONDS
    pause: float = PAUSE
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _next: dict[str, float] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, url: str) -> Answer:
        """Return what became of an address; whatever goes wrong is an answer."""
        hops: list[tuple[int, str]] = []
        at = url
        try:
            for _ in range(MOST_HOPS + 1):
                status, target = self._once(at)
                if status not in REDIRECTS or not target:
                    return Answer(url, status, tuple(hops))
                at = urljoin(at, target)
                hops.append((status, at))
        except Refused as refused:
            where = "" if at == url else f"leads to {at}, which "
            return Answer(url, hops=tuple(hops), error=f"{where}{refused}", refused=True)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(url, hops=tuple(hops), error=_words(error))
        return Answer(url, hops=tuple(hops), error=f"more than {MOST_HOPS} redirects")

    def _once(self, url: str) -> tuple[int, str | None]:
        """Return status and redirect of one address: by HEAD, and by GET where that is not answered well."""
        host, port = self._permitted(url)
        with self._lock:
            turn = self._locks.setdefault(host, threading.Lock())
        with turn:
            address = self._address(host, port)
            status, target = self._request("HEAD", url, host, port, address)
            if status in REDIRECTS and target:
                return status, target
            if status >= 400:
                # Too many servers refuse HEAD, or answer it differently, to believe anything but a yes.
                return self._request("GET", url, host, port, address)
            return status, target

    def _permitted(self, url: str) -> tuple[str, int]:
        parts = urlsplit(url)
        if parts.scheme not in PORTS:
            raise Refused(f"is no http address: {parts.scheme or 'no scheme'}")
        if parts.username or parts.password:
            raise Refused("holds credentials")
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS[parts.scheme]
        if not host:
            raise Refused("names no host")
        if port != PORTS[parts.scheme] and f"{host}:{port}" not in self.allowed:
            raise Refused(f"names port {port}")
        return host, port

    def _address(self, host: str, port: int) -> str:
        """Return one address of a host. All of them must be public; it is the one we then connect to."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if f"{host}:{port}" not in self.allowed:
            for address in addresses:
                if not public(address):
                    raise Refused(f"is on {address}, which is not public")
        return addresses[0]

    def _request(self, method: str, url: str, host: str, port: int, address: str) -> tuple[int, str | None]:
        self._wait(host)
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = _Pinned(host, port, address, self.seconds, secure=parts.scheme == "https")
        try:
            connection.request(method, _ascii(path), headers={"User-Agent": AGENT, "Accept": "*/*"})
            response = connection.getresponse()
            if method == "GET":
                response.read(MOST_BYTES)
            return response.status, response.getheader("Location")
        finally:
            connection.close()

    def _wait(self, host: str) -> None:
        """Wait until the host may be asked again. Its turn is held: nobody else sets the time."""
        now = self.clock()
        begin = max(self._next.get(host, now), now)
        if begin > now:
            self.sleep(begin - now)
        self._next[host] = begin + self.pause


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was judged: the name is not resolved again, TLS still checks it."""

    def __init__(self, host: str, port: int, address: str, seconds: float, secure: bool) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address, self._secure = address, secure
        self.default_port = PORTS["https" if secure else "http"]

    def connect(self) -> None:
        """Connect to the address, never through a proxy."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def public(address: str) -> bool:
    """Return whether an address is one of the public internet: not private, local, reserved, nor wrapping one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if inner is None and getattr(found, "teredo", None):
        return False
    # The well-known prefix of NAT64 leads to whatever IPv4 address stands behind it.
    if isinstance(found, ipaddress.IPv6Address) and found in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return (
        found.is_global and not found.is_multicast and (inner is None or (inner.is_global and not inner.is_multicast))
    )


def ask_all(urls: Iterable[str], asker: Asker) -> dict[str, Answer]:
    """Return an answer for each address; hosts are asked side by side, addresses of one host one after the other."""
    by_host: dict[str, list[str]] = {}
    for url in sorted(set(urls)):
        by_host.setdefault(urlsplit(url).hostname or "", []).append(url)

    def of_host(listed: list[str]) -> list[Answer]:
        return [asker.ask(url) for url in listed]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {answer.url: answer for answers in pool.map(of_host, by_host.values()) for answer in answers}


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the pages and price lists of a repository, sorted."""
    patterns = ("*.md", "docs/*.md", "templates/**/*.md", "templates/**/*.yaml", "validations/*/*.md",
                "collectors/**/*.md", "community/*.md")  # fmt: skip
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        links = [link for link in gather(files(options.root), options.root) if options.only in (None, _host(link.url))]
        if not links:
            raise NoInputError(f"{options.root}: no link to another site")
        if options.list:
            sys.stdout.writelines(f"{logged(f'{link.file}:{link.line}: {link.url}')}\n" for link in links)
            return 0
        checked = judged(links, ask_all((link.url for link in links), Asker()))
        if options.out:
            from tokenop.files import write_text

            write_text(options.out, written(checked))
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    return _tell(checked, options.out)


def _tell(checked: Sequence[Checked], out: Path | None) -> int:
    for one in checked:
        if one.state != "alive":
            sys.stdout.write(logged(f"{one.state}: {one.url} ({one.why}): {', '.join(one.places)}") + "\n")
    counts: Mapping[str, int] = {}
    for one in checked:
        counts = {**counts, one.state: counts.get(one.state, 0) + 1}
    told = ", ".join(f"{number} {state}" for state, number in counts.items())
    _say(f"{told}. Next: python scripts/generate_weekly_report.py{f' --links {out}' if out else ''}")
    return 1 if counts.get("dead") else 0


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _ascii(path: str) -> str:
    """Return a path as it goes over the wire; nothing in it begins a line of its own."""
    from urllib.parse import quote

    return quote(path, safe="/?&=%:@+,;~!$*()'-._[]#|")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"[:200]


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    parser.add_argument("--list", action="store_true", help="list the addresses and ask nobody")
    parser.add_argument("--only", metavar="HOST", help="ask this host only")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository [this one]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
