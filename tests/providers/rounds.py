"""How many recorded exchanges go once around: through the format, the vendor's SDK, a loopback server and back.

An exchange round-trips where all of this holds:

- the recorded body, read and written again, means the same;
- the vendor's SDK puts on the wire what the format wrote, and that means what was recorded;
- the recorded answer, come through the SDK, is the response (or the error) that the format reads from the recorded
  bytes, and where the format can answer, writing it again means the same.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.providers import meanings
from tests.wire import Exchange, Server, exchanges, serve
from tokenop.providers.base import Format, Sender, Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Request, Response
from tokenop.providers.registry import PROVIDERS
from tokenop.providers.sending import sender_for

# Whose traffic each folder's hosts are, and where their wires end.
_PROVIDER_OF_HOST = {
    "api.anthropic.com": "anthropic",
    "api.groq.com": "groq",
    "api.openai.com": "openai-compatible",
    "localhost:11434": "openai-compatible",
    "ollama.com": "openai-compatible",
    "openrouter.ai": "openai-compatible",
}
_ENDS = {"anthropic-messages": "/v1/messages", "openai-chat": "/chat/completions", "ollama-chat": "/api/chat"}
_TIMEOUTS = Timeouts(connect=5, first_token=20, total=20)


@dataclass(frozen=True, slots=True)
class Round:
    """One exchange, and why it does not round-trip; None where it does."""

    name: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class _Spoken:
    exchange: Exchange
    format: Format
    request: Request
    target: Target


def rounds(folder: str) -> list[Round]:
    """Send every exchange of a folder around, in order."""
    found = exchanges(folder)
    spoken = {exchange.name: _spoken(exchange) for exchange in found}
    sent: Sequence[_Spoken] = [each for each in spoken.values() if isinstance(each, _Spoken)]
    reasons: dict[str, str | None] = {}
    senders: dict[str, Sender] = {}
    with serve([each.exchange for each in sent]) as server, contextlib.ExitStack() as closing:
        for each in sent:
            target = Target("test", each.target.provider, each.target.model, base_url=server.base_url)
            if target.provider not in senders:
                senders[target.provider] = sender_for(target)
                closing.callback(getattr(senders[target.provider], "close", lambda: None))
            reasons[each.exchange.name] = _why_not(each, target, senders[target.provider], server)
    for name, what in spoken.items():
        if isinstance(what, str):
            reasons[name] = what
    return [Round(exchange.name, reasons[exchange.name]) for exchange in found]


def _spoken(exchange: Exchange) -> _Spoken | str:
    """Return the request of an exchange, or why it is none of ours."""
    provider = PROVIDERS.get(_PROVIDER_OF_HOST.get(exchange.host, ""))
    path = exchange.request_path.partition("?")[0]
    if provider is None:
        return f"another host: {exchange.host}"
    if not path.endswith(_ENDS[provider.format]):
        return f"another call: {path}"
    wire = FORMATS[provider.format]
    try:
        request = wire.read_request(exchange.request_body or {})
    except ProviderError as error:
        return f"not read: {error}"
    # The prefix of the provider's own address stays: the server of the test does not look at paths.
    return _Spoken(exchange, wire, request, Target("test", provider.name, request.model))


def _why_not(each: _Spoken, target: Target, sender: Sender, server: Server) -> str | None:
    recorded = each.exchange.request_body
    written = each.format.write_request(each.request, target)
    if not meanings.same(each.format.name, written.body, recorded):
        return f"another request: {written.body}"
    got: Response | ProviderError
    try:
        if each.request.stream:
            *_, last = sender.stream(each.request, target, _TIMEOUTS)
            assert last.response is not None
            got = last.response
        else:
            got = sender.send(each.request, target, _TIMEOUTS)
    except ProviderError as error:
        got = error
    if not server.received:
        return f"not sent: {got!r}"
    received = server.received[-1]
    if received.body != written.body or not meanings.same(each.format.name, received.body, recorded):
        return f"the SDK sends something else: {received.body}"
    return _why_another_answer(each, got)


def _why_another_answer(each: _Spoken, got: Response | ProviderError) -> str | None:
    expected = _recorded_answer(each)
    if isinstance(got, ProviderError) or isinstance(expected, ProviderError):
        same = type(got) is type(expected) and getattr(got, "status", 0) == getattr(expected, "status", 1)
        return None if same else f"another error: {got!r}"
    if got != expected:
        return f"another answer: {got}"
    answer: Any = getattr(each.format, "write_response", None)
    if answer is None or each.exchange.is_stream:
        return None
    again = answer(got)
    recorded = json.loads(each.exchange.response_body)
    return None if meanings.same(each.format.name, again, recorded) else f"another answer written: {again}"


def _recorded_answer(each: _Spoken) -> Response | ProviderError:
    """Return what the format reads from the recorded bytes, without an SDK."""
    exchange = each.exchange
    if exchange.status >= 400:
        return each.format.read_error(exchange.status, exchange.response_headers, exchange.response_body)
    if not exchange.is_stream:
        return each.format.read_response(exchange.response_body)
    reader = each.format.reader()
    try:
        for _ in reader.feed(exchange.response_body):
            pass
        return reader.end()
    except ProviderError as error:
        return error
