"""A loopback server that fails in the way that the name of the model says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENAI = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello there"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}
ANTHROPIC = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 5},
}
OLLAMA = {
    "model": "m",
    "created_at": "2026-11-01T00:00:00Z",
    "message": {"role": "assistant", "content": "Hello there"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 12,
    "eval_count": 5,
}


def _chunk(content: str | None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n".encode()


def _named(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def _anthropic_stream() -> list[bytes]:
    begun = {**ANTHROPIC, "content": [], "stop_reason": None, "usage": {"input_tokens": 12, "output_tokens": 1}}
    return [
        _named("message_start", message=begun)
        + _named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(
            _named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
            for text in ("Hello", " there")
        ),
        _named("content_block_stop", index=0)
        + _named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 5})
        + _named("message_stop"),
    ]


def _openai_stream() -> list[bytes]:
    usage = OPENAI["usage"]
    return [
        _chunk(""),
        _chunk("Hello"),
        _chunk(" there"),
        _chunk(None, "stop", usage=usage, x_groq={"id": "c1", "usage": usage}) + b"data: [DONE]\n\n",
    ]


def _ollama_stream() -> list[bytes]:
    def line(text: str, **more: Any) -> bytes:
        piece = {"model": "m", "created_at": OLLAMA["created_at"], "message": {"role": "assistant", "content": text}}
        return json.dumps({**piece, "done": False, **more}).encode() + b"\n"

    end = {key: OLLAMA[key] for key in ("done", "done_reason", "prompt_eval_count", "eval_count")}
    return [line(""), line("Hello"), line(" there"), line("", **end)]


WHOLE = {"anthropic": ANTHROPIC, "ollama": OLLAMA}
STREAMS: dict[str, Callable[[], list[bytes]]] = {"anthropic": _anthropic_stream, "ollama": _ollama_stream}


class Handler(BaseHTTPRequestHandler):
    """Answers at `/<wire>/…` as the model says. (An address for each fault would cost a client each, which is slow.)"""

    server: Faulty
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer, or fail."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault, wire = body["model"], self.path.split("/")[1]
        self.server.asked.append((fault, wire))
        streaming = bool(body.get("stream", wire == "ollama"))
        if fault.isdigit() or fault.startswith("after-"):
            self._status(fault)
        elif fault == "reset":
            self._reset()
        elif fault == "stall":
            self.server.over.wait(20)
        elif fault in ("empty", "malformed", "page"):
            content = {"empty": b"", "malformed": b'{"id": 1,, "choices"', "page": b"<html>Hello</html>"}[fault]
            self._whole(content, "text/html" if fault == "page" else "application/json")
        elif fault == "not-utf8":
            self._whole(b'{"id": "\xff\xfe", "model": "\xc3"}', "application/json")
        elif streaming:
            self._stream(STREAMS.get(wire, _openai_stream)(), fault)
        else:
            content = json.dumps(WHOLE.get(wire, OPENAI)).encode()
            self._whole(content, "application/json", fault)

    def _status(self, fault: str) -> None:
        after, _, code = fault.rpartition("-")
        self.send_response(int(code))
        if after:
            self.send_header("Retry-After", after.removeprefix("after-"))
        content = json.dumps({"type": "error", "error": {"type": "some_error", "message": "as asked"}}).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _whole(self, content: bytes, kind: str, fault: str = "ok") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self._write([content[:20], content[20:40], content[40:]], fault)

    def _stream(self, pieces: list[bytes], fault: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()  # HTTP/1.0: the end of the connection is the end of the body
        self._write(pieces, fault)

    def _write(self, pieces: list[bytes], fault: str) -> None:
        for number, piece in enumerate(pieces):
            if number == 2 and fault == "cut":
                return
            if number == 2 and fault == "cut-reset":
                self._reset()
                return
            if number == 2 and fault == "stall-later":
                self.server.over.wait(20)
                return
            content = b"data: \xff\xfe\xc3\n\n" if number == 2 and fault == "not-utf8-later" else piece
            self.wfile.write(content)
            self.wfile.flush()

    def _reset(self) -> None:
        # Closed so, the connection ends with a reset and not with a farewell.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


class Faulty(ThreadingHTTPServer):
    """The server, what it was asked, and `over`, which lets those go who stall."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()

    def shutdown_request(self, request: Any) -> None:
        """Close without a farewell first, so that a reset is one."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up here, that is the point."""

    def url(self, wire: str) -> str:
        """Return the base URL for those who speak `wire`."""
        return f"http://127.0.0.1:{self.server_address[1]}/{wire}"


@contextmanager
def serving() -> Iterator[Faulty]:
    """Run the server in a thread."""
    server = Faulty()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
