"""Callers who go away, read slowly, or send what is too much."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.faults.asking import PATHS, body
from tests.gateway.faults.scripts import long_stream
from tests.gateway.running import OPENAI, Gateway
from tests.gateway.upstream import STALL, Asked, Step, Upstream, hello, whole

BIG = 10 * 1024 * 1024


def request(intent: str, asked: dict[str, object] | bytes, wire: str = "openai", length: int | None = None) -> bytes:
    raw = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    lines = [
        f"POST {PATHS[wire]} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(raw) if length is None else length}",
        f"x-tokenop-intent: {intent}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def connect(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def more(connection: socket.socket, most: int = 65536) -> bytes:
    piece = connection.recv(most)
    assert piece, "the gateway closed the connection"
    return piece


def read_until(connection: socket.socket, held: bytes) -> bytes:
    got = b""
    while held not in got:
        got += more(connection)
    return got


def one_word(asked: Asked) -> list[Step]:
    said = hello(asked)
    words = next(number for number, step in enumerate(said) if isinstance(step, bytes) and b"Hello" in step)
    return [*said[: words + 1], STALL]


@pytest.mark.parametrize("wire", ["openai", "claude"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_a_caller_who_goes_before_the_first_byte_ends_the_providers_work(
    wire: str, streaming: bool, gateway: Gateway, up: Upstream
) -> None:
    up.scripts["patient"] = lambda _asked: [STALL]
    rows, asked, gone = len(gateway.events()), len(up.asked), len(up.gone)
    with connect(gateway) as connection:
        connection.sendall(request("patient", body(wire, streaming), wire))
        up.until(lambda: len(up.asked) > asked)
    up.until(lambda: len(up.gone) > gone)
    (row,) = gateway.last(rows)
    assert row["status"] == "cancelled"
    assert row["attempt"] == 1
    assert len(up.asked) == asked + 1  # nobody else was asked for somebody who is gone


@pytest.mark.parametrize("wire", ["openai", "claude"])
@pytest.mark.parametrize("provider", ["", "-claude"], ids=["by-openai", "by-claude"])
def test_a_caller_who_goes_in_the_middle_pays_for_what_came_until_then(
    wire: str, provider: str, gateway: Gateway, up: Upstream
) -> None:
    up.scripts["patient-later"] = one_word
    rows, gone = len(gateway.events()), len(up.gone)
    with connect(gateway) as connection:
        connection.sendall(request(f"patient-later{provider}", body(wire, streaming=True), wire))
        assert b" 200 " in read_until(connection, b"Hello")
    up.until(lambda: len(up.gone) > gone)
    (row,) = gateway.last(rows)
    assert (row["status"], row["usage_source"]) == ("cancelled", "estimated")
    assert row["output_tokens"] > 0
    assert row["input_tokens"] > 0


def test_a_caller_who_goes_in_the_middle_of_its_request_asked_nothing(gateway: Gateway, up: Upstream) -> None:
    rows, asked = len(gateway.events()), len(up.asked)
    raw = json.dumps(body("openai", False)).encode()
    with connect(gateway) as connection:
        connection.sendall(request("", raw[:-20], length=len(raw)))
    with connect(gateway) as connection:
        connection.sendall(request("", body("openai", False)))
        read_until(connection, b"Hello there")
    assert len(up.asked) == asked + 1
    assert len(gateway.last(rows)) == 1


def resident(gateway: Gateway) -> int:
    said = Path(f"/proc/{gateway.process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("VmRSS:"))


def test_a_caller_who_reads_slowly_slows_the_provider_and_fills_no_memory(gateway: Gateway, up: Upstream) -> None:
    sent: list[int] = []

    def counted(asked: Asked) -> Iterator[Step]:
        for step in long_stream(asked):
            sent.append(len(step) if isinstance(step, bytes) else 0)
            yield step

    up.scripts["patient-long"] = counted
    before = resident(gateway)
    with connect(gateway) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(request("patient-long", body("openai", streaming=True)))
        got = bytearray()
        for _ in range(2000):
            got += more(connection, 1)  # one byte at a time
        held = len(sent)
        assert held < 4000, "the provider could send all of it before anybody had read it"
        assert resident(gateway) - before < 20_000  # kB
        while not got.endswith(b"0\r\n\r\n"):
            got += more(connection)
    assert got.count(b"HelloHello") > 0
    assert got.count(b"Hello") == 4000 * 500
    assert b"[DONE]" in got


def test_ten_megabytes_go_in_and_come_out(gateway: Gateway, up: Upstream) -> None:
    def long(asked: Asked) -> list[Step]:
        said = json.loads(hello(asked)[0].partition(b"\r\n\r\n")[2])
        said["choices"][0]["message"]["content"] = "x" * BIG
        return whole(said)

    up.scripts[OPENAI] = long
    try:
        with connect(gateway) as connection:
            asked = {"model": OPENAI, "messages": [{"role": "user", "content": "y" * BIG}]}
            connection.sendall(request("", asked))
            got = bytearray(read_until(connection, b"\r\n\r\n"))
            length = int(got.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(got) - got.index(b"\r\n\r\n") - 4 < length:
                got += more(connection, 1 << 20)
    finally:
        del up.scripts[OPENAI]
    assert b" 200 " in got[:20]
    assert got.count(b"x") >= BIG
    assert up.asked[-1].raw.count(b"y") >= BIG


@pytest.mark.parametrize("length", [33 * 1024 * 1024, 10**30], ids=["33-mb", "beyond-counting"])
def test_what_is_too_large_is_refused_before_it_is_read(length: int, gateway: Gateway, up: Upstream) -> None:
    asked = len(up.asked)
    with connect(gateway) as connection:
        connection.sendall(request("", b"{", length=length))
        said = read_until(connection, b"\r\n\r\n")
    assert said.split()[1] in {b"413", b"400"}
    assert len(up.asked) == asked
