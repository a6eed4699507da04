"""A real HTTP server on this machine that answers as a vendor does, and fails on command."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """One answer. `cut` sends so many bytes of the body and then breaks off; `hang` sends nothing until the end."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: bool = False

    @property
    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return re.sub(r'"@([-0-9.e]+)@"', r"\1", json.dumps(self.body)).encode()


class RefusedError(Exception):
    """Raised by a vendor's code to answer with an error status."""

    def __init__(self, status: int, body: Any = None) -> None:
        super().__init__(status)
        self.answer = Answer(status, body if body is not None else {"error": {"message": f"status {status}"}})


class Server:
    """Serves `answer`; `faults` come first, one each; `got` is what arrived."""

    def __init__(self, answer: Callable[[Got], Any]) -> None:
        self.answer = answer
        self.faults: deque[Answer | None] = deque()
        self.got: list[Got] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 20  # head and body in one piece

            def do_GET(self) -> None:
                outer._serve(self)

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that went away

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        parts = urlsplit(handler.path)
        got = Got(
            handler.command,
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(length),
        )
        with self._lock:
            self.got.append(got)
            fault = self.faults.popleft() if self.faults else None
        self._send(handler, fault or self._answer(got))

    def _answer(self, got: Got) -> Answer:
        try:
            found = self.answer(got)
        except RefusedError as refused:
            return refused.answer
        except Exception as error:  # a mistake in a test's server must not look like a fault of the network
            return Answer(418, {"error": {"message": f"the test's server failed: {error!r}"}})
        return found if isinstance(found, Answer) else Answer(body=found)

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.hang:
            self.released.wait(30)
            handler.close_connection = True
            return
        body = answer.raw
        handler.send_response_only(answer.status)
        usual = {"Date": handler.date_time_string(), "Content-Type": "application/json"}
        for name, value in {**usual, **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if answer.cut is None else body[: answer.cut])
        if answer.cut is not None:
            handler.close_connection = True

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(answer: Callable[[Got], Any]) -> Iterator[Server]:
    """Serve while the block runs."""
    server = Server(answer)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def only(query: dict[str, Any], *allowed: str) -> None:
    """RefusedError parameters that the vendor does not know, as its own validation would."""
    unknown = set(query) - set(allowed)
    if unknown:
        raise RefusedError(400, {"detail": f"unknown parameter {sorted(unknown)}"})


def exact(number: str) -> str:
    """Return what becomes a JSON number with all the digits of `number`."""
    return f"@{number}@"
