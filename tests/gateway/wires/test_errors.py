"""The vendors' own SDKs raise the right exception for whatever goes wrong, and nothing secret is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire import Exchange, serve
from tokenop.gateway import wires
from tokenop.gateway.model import RefusedCallError, Wire
from tokenop.providers import errors
from tokenop.providers.model import Delta
from tokenop.routing.deciding import NotAllowedError

KEY = "sk-ant-secret123456789"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SECRET = f"the key {KEY} is no good"

# The error; the status on OpenAI's wire and on Anthropic's; the SDKs' exceptions; whether asking again may help.
CASES: list[tuple[Exception, int, int, str, str, bool]] = [
    (errors.AuthError(SECRET, status=401), 401, 401, "AuthenticationError", "AuthenticationError", False),
    (errors.AuthError("x", status=403), 403, 403, "PermissionDeniedError", "PermissionDeniedError", False),
    (errors.AuthError("x", status=402), 402, 402, "APIStatusError", "PaymentRequiredError", False),
    (errors.RateLimitedError("x", status=429, retry_after=1.5), 429, 429, "RateLimitError", "RateLimitError", True),
    (errors.OverloadedError("x", status=503), 503, 529, "InternalServerError", "OverloadedError", True),
    (errors.ServerError("x", status=500), 500, 500, "InternalServerError", "InternalServerError", True),
    (errors.ConnectionFailedError("x"), 502, 502, "InternalServerError", "InternalServerError", True),
    (errors.TimedOutError("x", phase="total"), 504, 504, "InternalServerError", "GatewayTimeoutError", True),
    (errors.NotFoundError("x", status=404), 404, 404, "NotFoundError", "NotFoundError", False),
    (errors.TooLongError("x", status=400), 400, 400, "BadRequestError", "BadRequestError", False),
    (errors.TooLongError("x", status=413), 413, 413, "APIStatusError", "ContentTooLargeError", False),
    (errors.BadRequestError("messages: must be a list"), 400, 400, "BadRequestError", "BadRequestError", False),
    (errors.RefusedError("x", status=400), 400, 400, "BadRequestError", "BadRequestError", False),
    (errors.MalformedError("x"), 502, 502, "InternalServerError", "InternalServerError", True),
    (errors.MalformedError("x", status=400), 400, 400, "BadRequestError", "BadRequestError", False),
    (errors.CannotCarryError("cannot carry top_k"), 400, 400, "BadRequestError", "BadRequestError", False),
    (errors.NotUsableError("no key"), 503, 503, "InternalServerError", "ServiceUnavailableError", False),
    (errors.MissingRecordingError("x"), 404, 404, "NotFoundError", "NotFoundError", False),
    (NotAllowedError("'x' may not be asked for"), 404, 404, "NotFoundError", "NotFoundError", False),
    (
        RefusedCallError("over budget", status=429, kind="budget", retry_after=3600),
        429,
        429,
        "RateLimitError",
        "RateLimitError",
        True,
    ),
    (RefusedCallError("no key", status=401, kind="key"), 401, 401, "AuthenticationError", "AuthenticationError", False),
    (RefusedCallError("too large", status=413, kind="size"), 413, 413, "APIStatusError", "ContentTooLargeError", False),
    (KeyError(SECRET), 500, 500, "InternalServerError", "InternalServerError", False),
]
WIRES: tuple[Wire, ...] = ("openai-chat", "anthropic-messages", "openai-embeddings")


def told(wire: Wire, error: Exception) -> Exchange:
    status, headers, body = wires.of(wire).error(error)
    return Exchange("told", 0, None, "", {}, status, headers, body)


@pytest.mark.parametrize("vendor", ["openai", "groq", "anthropic"])
def test_the_sdks_raise_what_they_raise_for_the_vendor_itself(vendor: str) -> None:
    import importlib

    sdk = importlib.import_module(vendor)
    own = vendor == "anthropic"
    exchanges = [told("anthropic-messages" if own else "openai-chat", case[0]) for case in CASES]
    client = {"openai": "OpenAI", "groq": "Groq", "anthropic": "Anthropic"}[vendor]
    with serve(exchanges) as server, getattr(sdk, client)(api_key="k", base_url=server.base_url, max_retries=0) as asks:
        for error, status, of_anthropic, openais, anthropics, _ in CASES:
            with pytest.raises(sdk.APIStatusError) as raised:
                asks.messages.create(**ASKED, max_tokens=5) if own else asks.chat.completions.create(**ASKED)
            assert raised.value.status_code == (of_anthropic if own else status), error
            assert type(raised.value).__name__ == (anthropics if own else openais), error
            assert KEY not in str(raised.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case[0]).__name__}-{case[1]}")
@pytest.mark.parametrize("wire", WIRES)
def test_whether_to_ask_again_and_when_is_told(wire: Wire, case: tuple[Any, ...]) -> None:
    error, again = case[0], case[-1]
    status, headers, body = wires.of(wire).error(error)
    assert status == (case[2] if wire == "anthropic-messages" else case[1])
    assert (headers.get("x-should-retry") == "false") == (not again)
    wait = getattr(error, "retry_after", None)
    assert headers.get("retry-after") == (None if wait is None else str(-int(-wait // 1)))
    said = json.loads(body)
    assert said["error"]["message"]
    assert KEY not in body.decode()


def test_the_sdk_of_openai_does_not_ask_twice_where_that_changes_nothing() -> None:
    import openai

    exchanges = [told("openai-chat", errors.NotUsableError("no key"))] * 3
    with (
        serve(exchanges) as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=2) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.chat.completions.create(**ASKED)
    assert len(server.received) == 1


def test_a_prompt_that_is_too_long_is_told_in_the_words_that_clients_look_for() -> None:
    error = errors.TooLongError("maximum context length is 8192 tokens", status=400)
    assert json.loads(wires.of("openai-chat").error(error)[2])["error"]["code"] == "context_length_exceeded"
    assert "prompt is too long" in json.loads(wires.of("anthropic-messages").error(error)[2])["error"]["message"]


def test_a_stream_that_breaks_off_raises_in_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    import anthropic
    import groq
    import openai

    error = errors.OverloadedError(SECRET, after_first_token=True)
    sse = {"content-type": "text/event-stream"}
    bodies = {}
    for wire in WIRES[:2]:
        writer = wires.of(wire).stream(wires.of(wire).read({**ASKED, "max_tokens": 5}, {}))
        pieces = [writer.write(Delta("start", id="1", name="m")), writer.write(Delta("text", 0, "Hel"))]
        bodies[wire] = b"".join([*pieces, writer.comment("a\r\ndata: b"), writer.fail(error)])
        assert KEY.encode() not in bodies[wire]
    openais, anthropics = (Exchange("", 0, None, "", {}, 200, sse, body) for body in bodies.values())
    for sdk, client in ((openai, "OpenAI"), (groq, "Groq")):
        with serve([openais]) as server, getattr(sdk, client)(api_key="k", base_url=server.base_url) as asks:
            chunks: list[Any] = []
            with pytest.raises(sdk.APIError, match="no good"):
                chunks.extend(asks.chat.completions.create(**ASKED, stream=True))
            assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "Hel"]
    with serve([anthropics]) as server, anthropic.Anthropic(api_key="k", base_url=server.base_url) as claude:
        stream = claude.messages.create(**ASKED, max_tokens=5, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
            list(stream)
