"""The addresses that the gateway answers at.

What is called for every token that a model gives is dispatched by hand: Starlette's routes and requests cost as much as
all of the rest. Everything else is an ordinary Starlette application.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenop.gateway.addresses import meant, nothing_at
from tokenop.gateway.answering import Answering
from tokenop.gateway.identity import is_loopback
from tokenop.gateway.model import RefusedCallError, Wire
from tokenop.gateway.pages import Asgi, readable
from tokenop.gateway.parts import Parts
from tokenop.gateway.reading import Receive, Scope, Send
from tokenop.gateway.wires import models
from tokenop.gateway.wires import of as wire_of

CALLS: Mapping[str, Wire] = MappingProxyType(
    {
        "/v1/chat/completions": "openai-chat",
        "/v1/messages": "anthropic-messages",
        "/v1/embeddings": "openai-embeddings",
        # Groq's SDK puts this before its paths.
        "/openai/v1/chat/completions": "openai-chat",
        "/openai/v1/embeddings": "openai-embeddings",
    }
)
COUNT = "/v1/messages/count_tokens"


def app_of(parts: Parts, answering: Answering) -> Asgi:
    """Return the application, as ASGI calls it. It has no lifespan of its own."""
    calls, count, rest = dict(CALLS), COUNT, _rest(parts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            wire = calls.get(scope["path"])
            if wire is None and (path := meant(scope["path"])) is not None:
                scope["path"] = path
                wire = calls.get(path)
            if wire is not None and scope["method"] == "POST":
                await answering.answer(wire, scope, receive, send)
                return
            if scope["path"] == count and scope["method"] == "POST":
                await answering.count(scope, receive, send)
                return
        await rest(scope, receive, send)

    return readable(app, parts.gatekeeper.welcomes)


def _rest(parts: Parts) -> Starlette:
    async def listed(request: Request) -> Response:
        said = dict(request.headers.items())
        try:
            parts.gatekeeper.identify(said)
        except RefusedCallError as error:
            wire = wire_of("anthropic-messages" if "anthropic-version" in said else "openai-chat")
            return _answer(wire.error(error))
        serving = parts.applied.current
        only = request.path_params.get("model")
        return _answer(models.answer(serving.config, said, since=serving.loaded, only=only))

    near = is_loopback(parts.settings.host)

    async def healthy(request: Request) -> Response:
        try:
            parts.gatekeeper.identify(dict(request.headers.items()))
            whole = True
        except RefusedCallError as refused:
            # A balancer knows no key; what a config refuses, or a disk, is for those who do. Nor is it for a page of
            # another site, which reaches this machine's own address by the browser of who sits here.
            whole = near and refused.status != 403
        status, body = parts.health.answer(whole=whole)
        return Response(body, status, media_type="application/json")

    async def only_post(request: Request) -> Response:
        refused = RefusedCallError("this address takes POST alone", status=405, kind="method_not_allowed")
        wire = wire_of(CALLS.get(request.url.path, "anthropic-messages"))
        status, headers, body = wire.error(refused)
        return _answer((status, {**headers, "allow": "POST"}, body))

    async def unknown(request: Request, _: Exception) -> Response:
        refused = RefusedCallError(nothing_at(request.url.path), status=404, kind="unknown_address")
        wire = wire_of("anthropic-messages" if "anthropic-version" in request.headers else "openai-chat")
        return _answer(wire.error(refused))

    async def other_method(request: Request, error: Exception) -> Response:
        named = getattr(error, "headers", None) or {}
        taken = ", ".join(sorted(named.get("Allow", "").split(", ")))
        refused = RefusedCallError(f"this address takes {taken} alone", status=405, kind="method_not_allowed")
        wire = wire_of("anthropic-messages" if "anthropic-version" in request.headers else "openai-chat")
        status, headers, body = wire.error(refused)
        return _answer((status, {**headers, "allow": taken}, body))

    routes = [
        *(Route(f"{base}/v1/models", listed) for base in ("", "/openai")),
        *(Route(f"{base}/v1/models/{{model:path}}", listed) for base in ("", "/openai")),
        Route("/healthz", healthy),
        *(Route(path, only_post, methods=["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]) for path in (*CALLS, COUNT)),
        *parts.routes,
    ]
    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: other_method})
    app.router.redirect_slashes = False  # `meant` knows better, and needs no second request
    return app


def _answer(told: tuple[int, dict[str, str], bytes]) -> Response:
    status, said, body = told
    return Response(body, status, said)
