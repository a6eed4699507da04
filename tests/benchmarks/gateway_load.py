"""Asks servers as fast as they answer, over raw sockets: with `wrk` where it is installed, else with asyncio.

`wrk` takes the smaller share of the core that it runs on with the upstream; both give the same figures in kind, so that
ratios between servers hold with either.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.gateway_servers import KEY, LOAD_CORE, Server, pinned

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
MODELS = {OPENAI: "gpt-4o-mini", ANTHROPIC: "claude-haiku-4-5"}
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
_SCRIPT = """\
wrk.method = "POST"
wrk.body = [[%s]]
%s
done = function(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format('{"requests": %%d, "us": %%d, "p50": %%d, "p99": %%d, "bad": %%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status + errors.read + errors.write + errors.connect + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did under load: calls, calls a second, latencies in milliseconds, and how many went wrong."""

    calls: int
    rps: float
    p50_ms: float
    p99_ms: float
    bad: int


def body(path: str, *, stream: bool = False) -> bytes:
    """Return a call of usual size: a system prompt, a short conversation."""
    system = "You help people of a firm with their questions. Answer in short plain sentences. " * 6
    said = [
        {"role": "user", "content": "How do I ask for a day off?"},
        {"role": "assistant", "content": "In the calendar of your team, with one click on the day."},
        {"role": "user", "content": "And who has to agree to that? Say it in one sentence, please."},
    ]
    asked: dict[str, object] = {"model": MODELS[path], "max_tokens": 200}
    if path == OPENAI:
        asked["messages"] = [{"role": "system", "content": system}, *said]
    else:
        asked |= {"system": system, "messages": said}
    if stream:
        asked["stream"] = True
        if path == OPENAI:
            asked["stream_options"] = {"include_usage": True}
    return json.dumps(asked).encode()


def load(server: Server, connections: int, seconds: float, path: str = OPENAI, *, stream: bool = False) -> Load:
    """Ask over so many connections for so long."""
    asked = body(path, stream=stream)
    if shutil.which("wrk"):
        return _wrk(server, connections, seconds, path, asked)
    return asyncio.run(_asked(server, connections, seconds, path, asked))


def _wrk(server: Server, connections: int, seconds: float, path: str, asked: bytes) -> Load:
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in HEADERS.items())
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "post.lua")
        script.write_text(_SCRIPT % (asked.decode(), headers), encoding="utf-8")
        words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
        words += ["-s", str(script)]
        command = pinned(LOAD_CORE, [*words, f"http://127.0.0.1:{server.port}{path}"])
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(ran.stderr)
    return Load(
        said["requests"], said["requests"] / said["us"] * 1e6, said["p50"] / 1000, said["p99"] / 1000, said["bad"]
    )


def raw(path: str, asked: bytes, headers: Mapping[str, str] = HEADERS) -> bytes:
    """Return a request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(asked)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + asked


async def _asked(server: Server, connections: int, seconds: float, path: str, asked: bytes) -> Load:
    request, end = raw(path, asked), time.perf_counter() + seconds
    times: list[float] = []
    bad = 0

    async def ask() -> None:
        nonlocal bad
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < end:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await _rest(reader, head.lower())
            times.append(time.perf_counter() - start)
            bad += b" 200 " not in head[:20]
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(connections)))
    spent = time.perf_counter() - start
    cuts = statistics.quantiles(times, n=100)
    return Load(len(times), len(times) / spent, cuts[49] * 1000, cuts[98] * 1000, bad)


async def _rest(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length:" in head:
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


def first_words(server: Server, calls: int, path: str = OPENAI) -> tuple[float, float]:
    """Return the median milliseconds to a stream's first event and to its end, over one connection."""
    request = raw(path, body(path, stream=True))
    first: list[float] = []
    whole: list[float] = []
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(calls):
            start, got, began = time.perf_counter(), b"", 0.0
            connection.sendall(request)
            while not got.endswith(b"0\r\n\r\n"):
                got += connection.recv(65536)
                if not began and b"data:" in got:
                    began = time.perf_counter() - start
            first.append(began)
            whole.append(time.perf_counter() - start)
    return statistics.median(first) * 1000, statistics.median(whole) * 1000
