"""The least that a gateway can be: Starlette and aiohttp, bytes in, bytes on, nothing read, written down or decided.

`UPSTREAM=http://127.0.0.1:PORT uvicorn tests.benchmarks.gateway_passthrough:app`
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

UPSTREAM = os.environ.get("UPSTREAM", "")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Hold one pool of connections."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        app.state.session = session
        yield


async def passed(request: Request) -> Response:
    """Pass a call on and its answer back."""
    body = await request.body()
    headers = {"content-type": "application/json", "authorization": "Bearer sk-benchmark"}
    answer = await request.app.state.session.post(UPSTREAM + request.url.path, data=body, headers=headers)
    kind = answer.headers["content-type"]
    if kind.startswith("text/event-stream"):
        return StreamingResponse(_pieces(answer), answer.status, media_type=kind)
    content = await answer.read()
    answer.release()
    return Response(content, answer.status, media_type=kind)


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    finally:
        answer.release()


async def healthy(_request: Request) -> Response:
    """Say that it runs."""
    return Response(b"{}")


app = Starlette(
    routes=[
        Route("/healthz", healthy),
        Route("/v1/chat/completions", passed, methods=["POST"]),
        Route("/v1/messages", passed, methods=["POST"]),
    ],
    lifespan=lifespan,
)
