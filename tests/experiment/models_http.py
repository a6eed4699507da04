"""Two made-up models behind a loopback server that speaks Anthropic's Messages API: scripted quality, counted calls."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[str, str], str | int | bytes]
"""Model and last user text → the answer, an HTTP status to fail with, or a raw body."""


class Models(ThreadingHTTPServer):
    """Answers by `script`; `asked` holds (model, text) of every request; `at_once` the most calls at one time."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, script: Script, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.latency = script, latency
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.at_once = self.now = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Models

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        with self.server.lock:
            self.server.asked.append((body["model"], text))
            self.server.bodies.append(body)
            self.server.now += 1
            self.server.at_once = max(self.server.at_once, self.server.now)
        if self.server.latency:
            time.sleep(self.server.latency)  # the server's latency is what is measured, not a wait of the test
        said = self.server.script(body["model"], text)
        with self.server.lock:
            self.server.now -= 1
        if isinstance(said, int):
            self._send(
                said, json.dumps({"type": "error", "error": {"type": "api_error", "message": "scripted"}}).encode()
            )
        elif isinstance(said, bytes):
            self._send(200, said)
        else:
            self._send(200, json.dumps(_message(body["model"], text, said)).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        with contextlib.suppress(ConnectionError):  # who asked may have gone away
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _message(model: str, text: str, said: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": said}] if said else [],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": max(1, len(text) // 4), "output_tokens": max(1, len(said) // 4)},
    }


@contextlib.contextmanager
def models(script: Script, latency: float = 0.0) -> Iterator[Models]:
    """Yield a running server."""
    server = Models(script, latency)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
