"""Recorded HTTP of real providers (../shared/data/wire), and a loopback server that answers with it.

The cassettes are YAML in the form of VCR: bodies either parsed (`parsed_body`) or as text (`body.string`). Keys and
most headers were taken out before they were published.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.conftest import SHARED

WIRE = SHARED / "wire"
# These say how the bytes once came, not what they are.
_OF_TRANSPORT = frozenset(
    {"transfer-encoding", "content-length", "content-encoding", "connection", "keep-alive", "date"}
)


class _Loader(yaml.CSafeLoader):
    """Reads JSON written as YAML: what looks like a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and its answer. `request_path` has the query; `request_body` is None where it is no JSON."""

    file: str
    index: int
    request_body: dict[str, Any] | None
    request_path: str
    request_headers: Mapping[str, str]
    status: int
    response_headers: Mapping[str, str]
    response_body: bytes
    method: str = "POST"
    host: str = ""

    @property
    def name(self) -> str:
        """Return `file#index`, as tests and figures name it."""
        return f"{self.file}#{self.index}"

    @property
    def is_stream(self) -> bool:
        """Return whether the answer is a stream of events."""
        return "text/event-stream" in self.response_headers.get("content-type", "")


def answer(body: bytes | dict[str, Any], status: int = 200, **headers: str) -> Exchange:
    """Return an exchange that was not recorded but made up; `_` in the names of `headers` is `-` on the wire."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Exchange("made-up", 0, None, "", {}, status, named, raw)


@functools.cache
def exchanges(folder: str) -> list[Exchange]:
    """Return what is recorded in `folder` of ../shared/data/wire (`anthropic`, `groq`, …), in order of the files."""
    return [exchange for path in sorted((WIRE / folder).glob("*.yaml")) for exchange in _of(path)]


def folders() -> list[str]:
    """Return the names of the folders of recorded traffic."""
    return sorted(path.name for path in WIRE.iterdir() if path.is_dir())


def _of(path: Path) -> Iterator[Exchange]:
    document = yaml.load(path.read_bytes(), Loader=_Loader)
    for index, interaction in enumerate(document["interactions"]):
        asked, answered = interaction["request"], interaction["response"]
        address = urlsplit(asked["uri"])
        yield Exchange(
            file=path.name,
            index=index,
            request_body=_asked(asked),
            request_path=address.path + (f"?{address.query}" if address.query else ""),
            request_headers=_headers(asked["headers"]),
            status=answered["status"]["code"],
            response_headers=_headers(answered["headers"]),
            response_body=_bytes(answered),
            method=asked["method"],
            host=address.netloc,
        )


def _headers(recorded: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.lower(): ", ".join(values) if isinstance(values, list) else str(values)
        for name, values in recorded.items()
    }


def _asked(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON object that was sent, whether it was recorded parsed or as text."""
    body = asked.get("parsed_body", asked.get("body"))
    found = _json(_raw(body)) if isinstance(body, str | bytes) else body
    return found if isinstance(found, dict) else None


def _raw(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def _bytes(answered: Mapping[str, Any]) -> bytes:
    if "parsed_body" in answered:
        return json.dumps(answered["parsed_body"], ensure_ascii=False).encode()
    return _raw(answered["body"]["string"] or b"")


@dataclass(frozen=True, slots=True)
class Received:
    """What came to the loopback server. `body` is None where it was no JSON; names of headers are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes


@dataclass(slots=True)
class Server:
    """A running loopback server: where it is and, in order, what it received."""

    base_url: str
    received: list[Received] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the server hands out a body.

    It writes `piece` bytes at a time (all at once: None), stalls for good after `stall_after` bytes, breaks the
    connection after `break_after` bytes. `stall_after` 0 stalls before the status line.
    """

    piece: int | None = None
    stall_after: int | None = None
    break_after: int | None = None


@contextlib.contextmanager
def serve(answers: Sequence[Exchange], conduct: Conduct = Conduct()) -> Iterator[Server]:
    """Answer the nth request with the nth of `answers`, whatever it asks; 599 once there are no more."""
    waiting = iter(answers)
    closing = threading.Event()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # several small writes an answer: each would wait for the one before

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                server.received.append(Received(self.command, self.path, headers, _json(raw), raw))
                exchange = next(waiting, answer(b'{"error": "no more recorded answers"}', 599))
            with contextlib.suppress(OSError):  # the client may leave first
                _write(self, exchange, conduct, closing)

        do_GET = do_POST  # noqa: N815 (the name is the method's)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        closing.set()
        http.shutdown()
        http.server_close()
        thread.join()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _write(handler: BaseHTTPRequestHandler, exchange: Exchange, conduct: Conduct, closing: threading.Event) -> None:
    if conduct.stall_after == 0:
        closing.wait()
        return
    handler.send_response(exchange.status)
    for name, value in exchange.response_headers.items():
        if name not in _OF_TRANSPORT:
            handler.send_header(name, value)
    # Chunked, so that a body that breaks off is seen as broken.
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    body, done = exchange.response_body, 0
    limit = min(len(body), *(n for n in (conduct.stall_after, conduct.break_after) if n is not None), len(body))
    while done < limit:
        piece = body[done : min(limit, done + (conduct.piece or limit))]
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.flush()
        done += len(piece)
    if conduct.stall_after is not None:
        closing.wait()
    elif conduct.break_after is None:
        handler.wfile.write(b"0\r\n\r\n")
        return
    handler.close_connection = True
