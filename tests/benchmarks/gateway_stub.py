"""A provider on this machine that answers at once: raw ASGI, OpenAI's and Anthropic's wire, whole and streamed.

`uvicorn tests.benchmarks.gateway_stub:app`. All answers are bytes made beforehand, so that what is measured is whoever
stands before it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

SAID = "The answer of a model that takes no time at all to think of twenty words and says them one by one."
USAGE = {"prompt_tokens": 42, "completion_tokens": 20, "total_tokens": 62}
CLAUDE_USAGE = {"input_tokens": 42, "output_tokens": 20}
MODEL, CLAUDE = "gpt-4o-mini", "claude-haiku-4-5"


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _openai_whole() -> bytes:
    message = {"role": "assistant", "content": SAID}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1772323200, "model": MODEL}
    return _bytes({**head, "choices": [choice], "usage": USAGE})


def _openai_pieces() -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1772323200, "model": MODEL}

    def piece(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + _bytes({**head, "choices": [choice]}) + b"\n\n"

    said = [piece({"content": f"{word} "}) for word in SAID.split()]
    usage = b"data: " + _bytes({**head, "choices": [], "usage": USAGE}) + b"\n\n"
    return [piece({"role": "assistant", "content": ""}), *said, piece({}, "stop"), usage + b"data: [DONE]\n\n"]


def _claude(content: list[dict[str, Any]], stop: str | None, usage: dict[str, Any]) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def _claude_pieces() -> list[bytes]:
    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\n".encode() + b"data: " + _bytes({"type": name, **fields}) + b"\n\n"

    start = event("message_start", message=_claude([], None, {"input_tokens": 42, "output_tokens": 1}))
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    said = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"{word} "}) for word in SAID.split()
    ]
    stop = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 20})
    return [start + block, *said, event("content_block_stop", index=0) + stop + event("message_stop")]


WHOLE = {
    "/v1/chat/completions": _openai_whole(),
    "/v1/messages": _bytes(_claude([{"type": "text", "text": SAID}], "end_turn", CLAUDE_USAGE)),
    "/healthz": b"{}",
}
PIECES = {"/v1/chat/completions": _openai_pieces(), "/v1/messages": _claude_pieces()}
JSON_HEADERS = {
    path: [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    for path, body in WHOLE.items()
}
SSE_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]
) -> None:
    """Answer whatever is asked at a path that is known, whatever the body says but for `"stream": true`."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    path = scope["path"]
    if path not in WHOLE:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    elif path in PIECES and (b'"stream":true' in body or b'"stream": true' in body):
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        for piece in PIECES[path]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": JSON_HEADERS[path]})
        await send({"type": "http.response.body", "body": WHOLE[path]})
