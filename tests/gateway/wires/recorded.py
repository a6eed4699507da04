"""Recorded answers of real providers, for callers of either wire."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.wire import Exchange, exchanges
from tokenop.providers.base import Format
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Delta, Response

_ENDS = {"/v1/messages": "anthropic-messages", "/chat/completions": "openai-chat"}


@dataclass(frozen=True)
class Answer:
    """A recorded exchange of one of the two wires, and its answer as the format reads it."""

    exchange: Exchange
    format: Format
    response: Response

    @property
    def name(self) -> str:
        return self.exchange.name


@functools.cache
def answers(folder: str) -> list[Answer]:
    """Return all that was answered well in `folder`, whole or streamed."""
    return list(_answers(folder))


def _answers(folder: str) -> Iterator[Answer]:
    for exchange in exchanges(folder):
        path = exchange.request_path.partition("?")[0]
        name = next((name for end, name in _ENDS.items() if path.endswith(end)), None)
        if name is None or exchange.status >= 300:
            continue
        wire = FORMATS[name]
        if not exchange.is_stream:
            yield Answer(exchange, wire, wire.read_response(exchange.response_body))
            continue
        try:
            *_, end = deltas(wire, exchange.response_body)
        except ProviderError:  # told within the stream: no answer
            continue
        assert end.response is not None
        yield Answer(exchange, wire, end.response)


def deltas(wire: Format, body: bytes, cuts: tuple[int, ...] = (), *, raw: bool = False) -> list[Delta]:
    """Return the pieces that `body` is read as, cut at `cuts`."""
    reader = wire.reader(keep_raw=raw)
    places = sorted({0, *(cut % (len(body) + 1) for cut in cuts), len(body)})
    found = [delta for start, end in itertools.pairwise(places) for delta in reader.feed(body[start:end])]
    if not found or found[-1].kind != "end":
        response = reader.end()
        found.append(Delta("end", usage=response.usage, response=response, raw=reader.left() or None))
    return found
