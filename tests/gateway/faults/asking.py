"""Asks the gateway as a plain HTTP client, many at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import aiohttp

from tests.gateway.running import Gateway

PATHS = {"openai": "/v1/chat/completions", "claude": "/v1/messages"}
HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 100}


class Answered(NamedTuple):
    """What a caller got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers["x-tokenop-operation"]

    @property
    def words(self) -> str:
        """Return the text of the answer, whole or streamed, in either wire."""
        if self.headers["content-type"].startswith("application/json"):
            return _said(json.loads(self.body))
        events = (line[6:] for line in self.body.decode().splitlines() if line.startswith("data: {"))
        return "".join(_said(json.loads(event)) for event in events)

    @property
    def error(self) -> dict[str, Any] | None:
        """Return the error that the answer tells, also at the end of a stream."""
        if self.headers["content-type"].startswith("application/json"):
            found = json.loads(self.body).get("error")
        else:
            events = (line[6:] for line in self.body.decode().splitlines() if line.startswith("data: {"))
            found = next((said["error"] for said in map(json.loads, events) if "error" in said), None)
        return found if isinstance(found, dict) else None


def _said(document: dict[str, Any]) -> str:
    if "choices" in document:
        choice = document["choices"][0] if document["choices"] else {}
        return (choice.get("message") or choice.get("delta") or {}).get("content") or ""
    if "content" in document:
        return "".join(block.get("text", "") for block in document["content"])
    return (document.get("delta") or {}).get("text", "")


def body(wire: str, streaming: bool, **more: Any) -> dict[str, Any]:
    """Return a call: to `auto`, so that rules decide."""
    asked = {"model": "auto", **HELLO, "stream": streaming, **more}
    if streaming and wire == "openai":
        asked["stream_options"] = {"include_usage": True}
    return asked


async def ask(
    session: aiohttp.ClientSession, gateway: Gateway, intent: str, wire: str = "openai", streaming: bool = False
) -> Answered:
    """Ask one call with an intent."""
    headers = {"x-tokenop-intent": intent}
    url = gateway.url + PATHS[wire]
    async with session.post(url, json=body(wire, streaming), headers=headers) as answer:
        said = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(answer.status, said, await answer.read())


def all_of(gateway: Gateway, intents: Iterable[str], wire: str = "openai", streaming: bool = False) -> list[Answered]:
    """Ask a call for each intent, all at once: what one meets is none of the others'."""

    async def asked() -> list[Answered]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(ask(session, gateway, intent, wire, streaming) for intent in intents))

    return asyncio.run(asked())
