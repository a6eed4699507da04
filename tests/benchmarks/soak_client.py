"""Asks a gateway many calls over a few connections, and remembers of each whether its answer came whole.

Raw sockets, no retries: a connection that breaks is one call that was not answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

PATHS = ("/v1/chat/completions", "/v1/messages")
ENDS = (b"data: [DONE]", b"message_stop", b'"error"', b"event: error")


@dataclass(slots=True)
class Soaked:
    """What came of the calls. `answered` holds the operations whose answers came whole, errors among them."""

    answered: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    began: set[str] = field(default_factory=set)
    broken: int = 0

    @property
    def done(self) -> int:
        """Return how many calls have ended."""
        return len(self.answered) + self.broken


def call(number: int, users: int) -> bytes:
    """Return the nth call: of one user in turn, in both wires, every other one streamed, no two with the same words."""
    path, stream = PATHS[number // 2 % 2], bool(number % 2)
    asked = {
        "model": "auto",
        "max_tokens": 60,
        "messages": [{"role": "user", "content": f"What is {number} plus one?"}],
        "stream": stream,
    }
    raw = json.dumps(asked).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n"
        f"x-tokenop-user: user-{number % users}\r\nx-tokenop-intent: soak\r\n\r\n"
    )
    return head.encode() + raw


class _Numbers:
    def __init__(self, calls: int) -> None:
        self.left = iter(range(calls))


async def soak(port: int, calls: int, connections: int, users: int, seen: Callable[[Soaked], None]) -> Soaked:
    """Ask all calls. `seen` hears of each end."""
    soaked, numbers = Soaked(), _Numbers(calls)

    async def ask() -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number in numbers.left:
            try:
                streams = streams or await _connected(port)
                await _one(*streams, call(number, users), soaked)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                soaked.broken += 1
                if streams is not None:
                    streams[1].close()
                    with contextlib.suppress(OSError):
                        await streams[1].wait_closed()
                streams = None
            seen(soaked)
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return soaked


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as somebody listens: a call that could not begin is no call."""
    for _ in range(6000):
        with contextlib.suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.01)
    raise ConnectionRefusedError


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytes, soaked: Soaked) -> None:
    writer.write(asked)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    operation = headers["x-tokenop-operation"]
    soaked.began.add(operation)
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    else:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size + 2)
        await reader.readexactly(2)
        if not any(end in body for end in ENDS):
            raise ValueError("a stream without its end")
    soaked.answered.append(operation)
    soaked.statuses[status.split()[1]] += 1
