"""Asks the demo's calls: with the vendor's own SDK where it is installed, else with aiohttp."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tokenop.errors import InputError
from tokenop.gateway.demo_calls import DemoCall

_PATHS = {"openai-chat": "/v1/chat/completions", "anthropic-messages": "/v1/messages"}
_COST = re.compile(rb"tokenop cost-usd=([0-9.]+)")
USER = "ana@example.org"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `client` says with what it was asked; `cost_usd` is None where it is not told."""

    client: str
    headers: Mapping[str, str]
    text: str
    cost_usd: Decimal | None


def ask(url: str, call: DemoCall) -> Answer:
    """Ask one call. Raises InputError where it is not answered."""
    headers = {f"x-tokenop-{name}": value for name, value in call.labels.items()} | {"x-tokenop-user": USER}
    vendor = "openai" if call.wire == "openai-chat" else "anthropic"
    if importlib.util.find_spec(vendor) is None:
        return _plainly(url, call, headers)
    return (_with_openai if vendor == "openai" else _with_anthropic)(url, call, headers)


def _with_openai(url: str, call: DemoCall, headers: Mapping[str, str]) -> Answer:
    import openai

    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{url}/v1", api_key="demo", max_retries=0, http_client=http) as client:
        try:
            raw = client.chat.completions.with_raw_response.create(**dict(call.body), extra_headers=headers)
        except openai.APIError as error:
            raise InputError(f"{call.title}: {error}") from error
        answer = raw.parse()
        pieces = [piece.to_dict() for piece in answer] if call.body.get("stream") else [answer.to_dict()]
        return Answer("the openai SDK", dict(raw.headers), shown(pieces), _cost(raw.headers))


def _with_anthropic(url: str, call: DemoCall, headers: Mapping[str, str]) -> Answer:
    import anthropic

    http = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(base_url=url, api_key="demo", max_retries=0, http_client=http) as client:
        try:
            raw = client.messages.with_raw_response.create(**dict(call.body), extra_headers=headers)
        except anthropic.APIError as error:
            raise InputError(f"{call.title}: {error}") from error
        answer = raw.parse()
        pieces = [piece.to_dict() for piece in answer] if call.body.get("stream") else [answer.to_dict()]
        return Answer("the anthropic SDK", dict(raw.headers), shown(pieces), _cost(raw.headers))


def _plainly(url: str, call: DemoCall, headers: Mapping[str, str]) -> Answer:
    import aiohttp

    async def asked() -> tuple[int, dict[str, str], bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + _PATHS[call.wire], json=dict(call.body), headers=headers) as answer,
        ):
            said = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, said, await answer.read()

    status, said, body = asyncio.run(asked())
    if status != 200:
        raise InputError(f"{call.title}: {status} {body.decode('utf-8', 'replace')[:500]}")
    streamed = bool(call.body.get("stream"))
    pieces = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    told = _COST.search(body) if streamed else None
    cost = Decimal(told[1].decode()) if told else _cost(said)
    return Answer("aiohttp", said, shown(pieces if streamed else [json.loads(body)]), cost)


def _cost(headers: Mapping[str, str]) -> Decimal | None:
    told = headers.get("x-tokenop-cost-usd")
    return Decimal(told) if told else None


def shown(pieces: Iterable[Mapping[str, Any]]) -> str:
    """Return the words and calls of an answer, whole or in pieces, of either wire."""
    return "".join(word for piece in pieces for word in _words(piece)).strip()


def _words(piece: Mapping[str, Any]) -> Iterator[str]:
    for choice in piece.get("choices") or ():
        said = choice.get("message") or choice.get("delta") or {}
        yield said.get("content") or ""
        for call in said.get("tool_calls") or ():
            yield f"calls {call['function'].get('name')}({call['function'].get('arguments')})"
    blocks = piece.get("content") or ()
    for block in blocks:
        yield block.get("text") or ""
        if block.get("type") == "tool_use":
            yield f"calls {block['name']}({json.dumps(block['input'])})"
    delta = piece.get("delta")
    if isinstance(delta, Mapping):
        yield delta.get("text") or ""
