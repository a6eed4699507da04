"""A server on this machine that speaks chat completions: what it is asked it remembers, tests say what it answers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Prompt → (status, text of the answer).
Answer = Callable[[str], tuple[int, str]]


class Loopback:
    """What the server was asked, in order, and where it is."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.asked: list[str] = []
        self.lock = threading.Lock()


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Loopback]:
    """Yield a server that answers each prompt as `answer` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = said(body["messages"][-1]["content"])
            with loopback.lock:
                loopback.asked.append(prompt)
            status, text = answer(prompt)
            with contextlib.suppress(OSError):  # who asked may be gone
                self._reply(status, completion(body["model"], text) if status == 200 else {"error": {"message": text}})

        def _reply(self, status: int, document: dict[str, Any]) -> None:
            raw = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    loopback = Loopback(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(content: Any) -> str:
    """Return the words of a message."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def completion(model: str, text: str) -> dict[str, Any]:
    """Return a chat completion that says `text`."""
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1772323200, "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
    }  # fmt: skip
