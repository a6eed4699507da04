"""Where clients meet the gateway over a socket: addresses a little off, pages in browsers, heads without end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import running
from tests.gateway.running import Gateway
from tests.gateway.upstream import Upstream, serving
from tokenop.gateway.addresses import meant

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
SAID = {**ASKED, "max_tokens": 9}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with serving() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running.gateway(tmp_path_factory.mktemp("edges"), running.config(upstream)) as started:
        yield started


def asked(
    gateway: Gateway, path: str, body: Any = None, method: str = "POST", *lines: str
) -> tuple[int, dict[str, str], bytes]:
    """Send one request as written and return status, headers and body of its answer."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", f"content-length: {len(raw)}", *lines]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + raw)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    first, _, content = answer.partition(b"\r\n\r\n")
    status, *said = first.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in said), content


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "//v1//chat/completions/",
        "/v1/v1/chat/completions",
        "/openai/v1/openai/v1/chat/completions",
    ],
)
def test_a_base_url_that_is_a_little_off_is_answered_all_the_same(gateway: Gateway, path: str) -> None:
    assert asked(gateway, path, ASKED)[0] == 200


@pytest.mark.parametrize(
    "path", ["/messages", "/v1/v1/messages?beta=true", "/v1/messages/", "/v1/v1/messages/count_tokens"]
)
def test_so_is_one_of_anthropics(gateway: Gateway, path: str) -> None:
    assert asked(gateway, path, SAID)[0] == 200


@pytest.mark.parametrize("path", ["/v1/models/", "/models", "/v1/v1/models", "/models/T2", "/healthz/"])
def test_so_is_whoever_looks_around(gateway: Gateway, path: str) -> None:
    assert asked(gateway, path, method="GET")[0] == 200


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/responses", "/v1/chat/completions"),
        ("/v1/completions", "/v1/chat/completions"),
        ("/v1/messages/batches", "batches are not offered"),
        ("/v1/audio/speech", "/v1/embeddings"),
        ("/openai/deployments/x/chat/completions?api-version=1", "/v1/messages"),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(gateway: Gateway, path: str, hint: str) -> None:
    status, _, body = asked(gateway, path, ASKED)
    message = json.loads(body)["error"]["message"]
    assert status == 404
    assert hint in message
    assert path.partition("?")[0] in message


def test_no_other_address_is_taken_for_one() -> None:
    assert [meant(path) for path in ("/", "/v1", "/v1/chat", "/x/messages", "/v1/healthz", "/messages/x")] == [None] * 6


@pytest.mark.parametrize(("path", "method", "taken"), [(CHAT, "OPTIONS", "post"), ("/v1/models", "PUT", "get, head")])
def test_another_method_is_refused_in_the_callers_wire(gateway: Gateway, path: str, method: str, taken: str) -> None:
    status, headers, body = asked(gateway, path, None, method)
    assert (status, headers["allow"]) == (405, taken)
    assert json.loads(body)["error"]["code"] == "method_not_allowed"


def test_a_page_that_may_call_may_read_what_it_is_answered(gateway: Gateway) -> None:
    page = "origin: http://localhost:3000"
    wanted = ("access-control-request-method: POST", "access-control-request-headers: authorization,content-type")
    status, headers, _ = asked(gateway, CHAT, None, "OPTIONS", page, *wanted)
    assert (status, headers["access-control-allow-origin"]) == (204, "http://localhost:3000")
    assert headers["access-control-allow-headers"] == "authorization,content-type"
    status, headers, _ = asked(gateway, CHAT, ASKED, "POST", page)
    assert (status, headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
    assert "x-tokenop-cost-usd" in headers["access-control-expose-headers"]


def test_another_page_is_told_nothing(gateway: Gateway) -> None:
    page = "origin: http://evil.example"
    status, headers, _ = asked(gateway, CHAT, None, "OPTIONS", page, "access-control-request-method: POST")
    assert (status, [name for name in headers if name.startswith("access-control")]) == (405, [])
    status, headers, _ = asked(gateway, CHAT, ASKED, "POST", page)
    assert (status, [name for name in headers if name.startswith("access-control")]) == (403, [])


def send_on(connection: socket.socket, more: bytes) -> None:
    for _ in range(1_000):
        connection.sendall(more)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n", b"x: y\r\n" * 10_000),
        (b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx: ", b"a" * 60_000),
        (b"POST /", b"a" * 60_000),
        (
            b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
            b"x: y\r\n" * 10_000,
        ),
    ],
    ids=["many", "long", "address", "trailers"],
)
def test_who_sends_a_head_without_end_is_hung_up_on(gateway: Gateway, begin: bytes, more: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(begin)
        with pytest.raises(ConnectionError):
            send_on(connection, more)


@pytest.mark.parametrize("wish", ["Upgrade: h2c", "upgrade: websocket"])
def test_a_wish_for_another_protocol_loses_no_body(gateway: Gateway, wish: str) -> None:
    lines = ("connection: Upgrade, HTTP2-Settings", wish, "HTTP2-Settings: AAEAAEAAAAIAAAAB")
    assert asked(gateway, CHAT, ASKED, "POST", *lines)[0] == 200


def test_two_requests_sent_at_once_are_both_answered(gateway: Gateway) -> None:
    raw = json.dumps(ASKED).encode()
    one = b"POST %b HTTP/1.1\r\nhost: localhost\r\nupgrade: h2c\r\ncontent-length: %d\r\n" % (CHAT.encode(), len(raw))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(one + b"\r\n" + raw + one + b"connection: close\r\n\r\n" + raw)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_body_may_be_as_large_as_it_was(gateway: Gateway) -> None:
    said = {**ASKED, "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    assert asked(gateway, CHAT, said)[0] == 200


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400])
def test_a_number_beyond_all_bounds_is_no_bug(gateway: Gateway, number: str) -> None:
    body = json.dumps(ASKED)[:-1] + f', "max_tokens": {number}}}'
    assert asked(gateway, CHAT, body.encode())[0] == 200


def test_results_within_results_are_refused_however_deep(gateway: Gateway) -> None:
    content: Any = "x"
    for _ in range(320):
        content = [{"type": "tool_result", "tool_use_id": "x", "content": content}]
    body = json.dumps({**SAID, "messages": [{"role": "user", "content": content}]})
    assert asked(gateway, "/v1/messages", body.encode())[0] == 400


def test_the_name_of_no_model_is_cut_where_it_is_told_and_kept(gateway: Gateway) -> None:
    status, headers, body = asked(gateway, CHAT, {**ASKED, "model": "x\r\n" * 5000})
    assert status == 404
    assert "callers may name: T1" in json.loads(body)["error"]["message"]
    (row,) = gateway.rows(headers["x-tokenop-operation"])
    assert row["model"] == "x" * len(row["model"])
    assert len(row["model"]) <= 512


def test_a_tier_that_is_not_said_is_none(gateway: Gateway) -> None:
    assert asked(gateway, CHAT, ASKED, "POST", "x-tokenop-tier: ")[1]["x-tokenop-tier"] == "t2"


@pytest.mark.parametrize("said", ["", "Identity"])
def test_a_body_that_is_not_packed_is_read(gateway: Gateway, said: str) -> None:
    assert asked(gateway, CHAT, ASKED, "POST", f"content-encoding: {said}")[0] == 200


def test_a_name_in_a_header_is_read_as_utf_8(gateway: Gateway) -> None:
    _, headers, _ = asked(gateway, CHAT, ASKED, "POST", "x-tokenop-user: Zoë")
    assert gateway.rows(headers["x-tokenop-operation"])[0]["user_id"] == "Zoë"


def test_a_body_of_nothing_is_told_so(gateway: Gateway) -> None:
    status, _, body = asked(gateway, CHAT)
    assert (status, json.loads(body)["error"]["message"]) == (400, "the body is empty: send a JSON object")
