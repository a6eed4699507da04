"""Pinning this process to the hosts that a collector declares.

`confine` installs an audit hook, which Python cannot take away again. From then on this process resolves only declared
names, connects and sends only to addresses that a declared name resolved to in it (or that are declared themselves),
listens on nothing but loopback, and starts no other process, which would not be pinned.

What the hook sees is Python: the modules `socket`, `ssl`, `asyncio` and whatever is built on them (httpx, requests,
urllib3, the vendors' SDKs). A compiled library that opens sockets of its own, or one loaded through `ctypes`, is not
seen. Where a proxy is named in the environment, its host counts as one that the user declared. Which host it is then
asked for is checked in `http.client`, which the vendors' SDKs are built on, and in `extract.http` for httpx. Several
names can share an address: the pin is as fine as the addresses are, and TLS names the other end.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from tokenop.errors import InputError, MisuseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.startfile/2",
    "pty.spawn",
    "_posixsubprocess.fork_exec",
    "_winapi.CreateProcess",
)
_PROBE = "probe.tokenop.invalid"


class EgressError(InputError):
    """This process may not talk to `host`; `declared` are the hosts that it may talk to."""

    def __init__(self, host: str, declared: Collection[str], doing: str = "is not among the declared hosts") -> None:
        self.host = host
        self.declared = tuple(sorted(declared))
        super().__init__(
            f"{host}: {doing} ({', '.join(self.declared) or 'none'}); where it belongs to the source, "
            "add it to `egress` in the collector's manifest"
        )


class ProcessError(InputError, PermissionError):
    """A confined process may not start another one. It is an OSError: the standard library does without the child."""

    def __init__(self, program: str) -> None:
        self.program = program
        super().__init__(
            f"{program}: is not started: a process that talks to declared hosts only starts no other one; "
            "give the credentials in the environment instead of through a helper program"
        )

    def __str__(self) -> str:
        return str(self.args[0])


class Hosts:
    """Declared hosts: exact names, `*.suffix` (one label or more before it), and literal addresses."""

    def __init__(self, patterns: Collection[str]) -> None:
        """Read the patterns.

        Raises:
            MisuseError: one is no host: a URL, a host with a port, a bare `*`, `*.com`.
        """
        self.declared = tuple(sorted(set(patterns)))
        self._names: set[str] = set()
        self._suffixes: list[str] = []
        self._addresses: set[Address] = set()
        for pattern in self.declared:
            self._add(pattern)

    def _add(self, pattern: str) -> None:
        address = _address(pattern.removeprefix("[").removesuffix("]"))
        name = _name(pattern.removeprefix("*."))
        if address is not None:
            self._addresses.add(address)
        elif name is None:
            raise MisuseError(f"egress {pattern!r}: is no host; write api.example.com, *.example.com or an address")
        elif not pattern.startswith("*."):
            self._names.add(name)
        elif "." in name and not name.rpartition(".")[2].isdigit():
            self._suffixes.append(f".{name}")
        else:
            raise MisuseError(f"egress {pattern!r}: is too wide; name at least two labels, such as *.example.com")

    def allows(self, host: object) -> bool:
        """Tell whether `host` (text or bytes, as given to `socket`) is declared, whatever its case and spelling."""
        if isinstance(host, bytes | bytearray):
            try:
                host = host.decode("ascii")
            except UnicodeDecodeError:
                return False
        if not isinstance(host, str):
            return False
        address = _address(host)
        if address is not None:
            return address in self._addresses
        name = _name(host)
        return name is not None and (name in self._names or any(name.endswith(suffix) for suffix in self._suffixes))


def confine(hosts: Collection[str]) -> None:
    """Pin this process, with all its threads, to `hosts` (see `Hosts`) and the environment's proxies, for good.

    A second call narrows: both then hold.

    Raises:
        MisuseError: a host is no pattern; nothing is pinned then.
        RuntimeError: the hook cannot be installed; nothing may be sent then.
    """
    hook = _Hook(Hosts([*hosts, *proxies(os.environ)]))
    _judge_what_a_proxy_is_asked_for(Hosts(hosts))
    _record(hook)
    _ask_before_names()
    _refuse_bare_forks()
    sys.addaudithook(hook)
    try:
        # Another hook may keep this one out without a word.
        sys.audit("socket.getaddrinfo", _PROBE, None, 0, 0, 0)
    except EgressError:
        return
    raise RuntimeError("the hook that pins this process to its declared hosts could not be installed")


def proxies(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts of the proxies that `environment` names, by the variables that HTTP clients read."""
    found = []
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        value = environment.get(name, "").strip()
        try:
            host = urlsplit(value if "://" in value else f"//{value}").hostname
        except ValueError:
            continue
        if host and (_address(host) or _name(host)):
            found.append(host)
    return tuple(sorted(set(found)))


class _Hook:
    """The audit hook, and the addresses that declared names resolved to."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._resolved: set[Address] = set()
        # An audit hook is asked about every import and every file: what it does not watch must cost nothing.
        watched: dict[str, Callable[[tuple[Any, ...]], None]] = dict.fromkeys(_STARTS, _refuse_start)
        watched |= dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), self._send)
        watched |= dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), self._resolve)
        watched["socket.getnameinfo"] = self._name_of
        watched["socket.bind"] = self._bind
        self._watched = watched

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        check = self._watched.get(event)
        if check is not None:
            check(arguments)

    def remember(self, address: str) -> None:
        """Let this process talk to an address that a declared name resolved to."""
        found = _address(address)
        if found is not None:
            self._resolved.add(found)

    def _known(self, host: object) -> bool:
        return self._hosts.allows(host) or (isinstance(host, str) and _address(host) in self._resolved)

    def _resolve(self, arguments: tuple[Any, ...]) -> None:
        host = arguments[0]
        # No host means this machine: nothing is asked of anybody.
        if host is not None and not self._known(host):
            raise EgressError(_shown(host), self._hosts.declared)

    def _name_of(self, arguments: tuple[Any, ...]) -> None:
        self._resolve(arguments[0])

    def _send(self, arguments: tuple[Any, ...]) -> None:
        connection, address = arguments[:2]
        if address is None:  # a message over a connection that was judged when it was made
            return
        host = _host_of(connection, address)
        if host is None or not self._known(host):
            raise EgressError(_shown(address if host is None else host), self._hosts.declared)

    def _bind(self, arguments: tuple[Any, ...]) -> None:
        connection, address = arguments[:2]
        host = _host_of(connection, address)
        found = _address(host) if isinstance(host, str) else None
        if host != "localhost" and (found is None or not found.is_loopback):
            raise EgressError(_shown(address if host is None else host), self._hosts.declared, "may not be listened on")


def _record(hook: _Hook) -> None:
    """Have the resolver's answers for declared names remembered by `hook`, which has let the question pass."""
    import _socket

    def listed(resolve: Callable[..., Any], addresses: Callable[[Any], list[str]]) -> Callable[..., Any]:
        def recorded(host: Any, *arguments: Any, **named: Any) -> Any:
            answer = resolve(host, *arguments, **named)
            if host:
                for address in addresses(answer):
                    hook.remember(address)
            return answer

        return recorded

    # `socket.getaddrinfo` looks its inner function up when called; the two others are taken over as they are.
    _replace(_socket, "getaddrinfo", listed(_socket.getaddrinfo, lambda answer: [str(entry[4][0]) for entry in answer]))
    for module in (_socket, socket):
        _replace(module, "gethostbyname", listed(module.gethostbyname, lambda answer: [answer]))
        _replace(module, "gethostbyname_ex", listed(module.gethostbyname_ex, lambda answer: list(answer[2])))


def _ask_before_names() -> None:
    """Raise the audit events of sockets before a name in an address is resolved: Python raises them after it."""

    def early(name: str, event: str) -> Callable[..., Any]:
        act = getattr(socket.socket, name)

        def asked(connection: Any, *arguments: Any) -> Any:
            address = arguments[-1] if arguments else None
            if isinstance(address, tuple):
                sys.audit(event, connection, address)
            return act(connection, *arguments)

        return asked

    for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
        if hasattr(socket.socket, name):  # Windows has no sendmsg
            _replace(socket.socket, name, early(name, f"socket.{name.removesuffix('_ex')}"))


def _judge_what_a_proxy_is_asked_for(hosts: Hosts) -> None:
    """Refuse a tunnel to, or a whole URL of, an undeclared host: the audit hook sees only the proxy's own address."""
    from http.client import HTTPConnection

    def judge(url: str) -> None:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not hosts.allows(host):
            raise EgressError(_shown(host or url), hosts.declared)

    tunnel, put = HTTPConnection.set_tunnel, HTTPConnection.putrequest

    def set_tunnel(connection: HTTPConnection, host: str, *arguments: Any, **named: Any) -> None:
        judge(f"//[{host}]" if host.count(":") > 1 and not host.startswith("[") else f"//{host}")
        tunnel(connection, host, *arguments, **named)

    def putrequest(connection: HTTPConnection, method: str, url: str, *arguments: Any, **named: Any) -> None:
        if url and not url.startswith("/"):  # a server is asked for a path, a proxy for a URL
            judge(url)
        put(connection, method, url, *arguments, **named)

    _replace(HTTPConnection, "set_tunnel", set_tunnel)
    _replace(HTTPConnection, "putrequest", putrequest)


def _refuse_bare_forks() -> None:
    """Refuse the one way to start a program that raises no audit event (`multiprocessing` uses it)."""
    try:
        import _posixsubprocess
    except ImportError:  # not a POSIX system
        return

    def refuse(arguments: Any, *_: Any) -> None:
        _refuse_start((arguments,))

    _replace(_posixsubprocess, "fork_exec", refuse)


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


def _refuse_start(arguments: tuple[Any, ...]) -> None:
    first = arguments[0] if arguments else "a program"
    if isinstance(first, list | tuple) and first:
        first = first[0]
    raise ProcessError(_shown(first))


def _host_of(connection: Any, address: Any) -> object:
    """Return the host in the address of an internet socket, None for any other kind of socket."""
    internet = getattr(connection, "family", None) in (socket.AF_INET, socket.AF_INET6)
    return address[0] if internet and isinstance(address, tuple) and address else None


def _address(host: str | None) -> Address | None:
    """Return the address that `host` writes out, an IPv4 one where IPv6 only wraps it."""
    text = host or ""
    try:
        # The interface that a local IPv6 address is reached through is no part of it.
        found = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _name(host: str) -> str | None:
    """Return a host name the one way it is compared: ASCII, small letters, no final dot; None where it is no name."""
    try:
        # The codec that `socket` itself uses; it also turns the other full stops into dots.
        text = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    text = text.lower().removesuffix(".")
    labels = text.split(".")
    return text if len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels) else None


def _shown(value: object) -> str:
    text = value.decode("ascii", "backslashreplace") if isinstance(value, bytes | bytearray) else str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
