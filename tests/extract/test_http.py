"""The HTTP client: what it puts up with, what it waits for, and what it never says."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from tests.extract.servers.loopback import Answer, Got
from tokenop.extract import failures
from tokenop.extract.egress import EgressError
from tokenop.extract.http import Client, Manner, Origin, backend_of, credential
from tokenop.extract.model import ExtractError, MissingCredentials
from tokenop.extract.retry import Policy, Transient, attempt, retry_after

SECRET = "sk-canary-0123456789"
NOW = datetime(2026, 8, 25, 17, 0, tzinfo=UTC)


class Fixed(Random):
    """Draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.fixture
def client(waits: list[tuple[float, str]]) -> Any:
    """Return a function that opens a client on a server."""
    opened = []

    def connect(url: str, hosts: tuple[str, ...] = ("127.0.0.1",), **manner: Any) -> Client:
        place = Origin(url, hosts, "VENDOR_API_KEY", (SECRET,))
        how = Manner(lambda seconds, why: waits.append((seconds, why)), Fixed(), now=lambda: NOW, **manner)
        opened.append(Client(place, {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET}, how, ("x", "http")))
        return opened[-1]

    yield connect
    for entry in opened:
        entry.close()


def ok(got: Got) -> object:
    return {"path": got.path}


def test_a_question_and_its_answer(serve: Any, client: Any) -> None:
    server = serve(ok)

    assert client(server.url).get("/v1/x", {"a": 1, "none": None, "list[]": ["p", "q"]}) == {"path": "/v1/x"}
    assert server.got[0].query == {"a": ["1"], "list[]": ["p", "q"]}
    assert server.got[0].headers["authorization"] == f"Bearer {SECRET}"
    assert client(server.url).post("/v1/y", {"k": [1]}) == {"path": "/v1/y"}
    assert server.got[1].json == {"k": [1]}


def test_fractions_arrive_as_they_were_written(serve: Any, client: Any) -> None:
    server = serve(lambda got: Answer(body=b'{"cost": 0.1000000000000000055511151231257827, "n": 12}'))

    assert client(server.url).get("/", {}) == {"cost": "0.1000000000000000055511151231257827", "n": 12}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again(serve: Any, client: Any, waits: Any, status: int) -> None:
    server = serve(ok)
    server.faults.extend([Answer(status, b"busy"), Answer(status, b"")])

    assert client(server.url).get("/v", {}) == {"path": "/v"}
    assert [seconds for seconds, _ in waits] == [1.0, 2.0]
    assert f"answered {status}" in waits[0][1]


def test_back_off_doubles_to_its_limit_and_ends(serve: Any, client: Any, waits: Any) -> None:
    server = serve(lambda got: Answer(503, {}))

    with pytest.raises(failures.ServerError, match=r"127\.0\.0\.1: GET /v \(stream calls\): answered 503"):
        client(server.url, policy=Policy(attempts=6, longest=5.0)).get("/v", {}, "calls")

    assert [seconds for seconds, _ in waits] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert len(server.got) == 6


def test_half_of_a_back_off_is_drawn() -> None:
    waits: list[float] = []

    def fails() -> None:
        raise Transient(ExtractError("no"))

    with pytest.raises(ExtractError, match="no"):
        attempt(fails, lambda seconds, why: waits.append(seconds), Random(5), Policy(attempts=8))

    assert len(set(waits)) == 7
    assert all(2**n / 2 <= seconds <= 2**n for n, seconds in enumerate(waits[:6]))


def test_retry_after_in_seconds_is_waited_for(serve: Any, client: Any, waits: Any) -> None:
    server = serve(ok)
    server.faults.append(Answer(429, {}, {"Retry-After": "17"}))

    client(server.url).get("/v", {})

    assert waits == [(17.0, "127.0.0.1: GET /v: answered 429, and asks to wait 17 s; try again later")]


def test_retry_after_as_a_date_counts_from_the_servers_own_clock() -> None:
    until = "Tue, 25 Aug 2026 17:02:00 GMT"

    assert retry_after({"retry-after": until}, NOW) == 120
    assert retry_after({"retry-after": until, "date": "Tue, 25 Aug 2026 17:01:30 GMT"}, NOW) == 30
    assert retry_after({"retry-after": until, "date": "Tue, 25 Aug 2026 18:00:00 GMT"}, NOW) == 0
    assert retry_after({"retry-after": "1.5"}, NOW) == 1.5


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "nan", "inf", "1e9", "٣", "99 Foo 2026", "Tue, 99 Aug 2026 17:02:00"]
)
def test_a_retry_after_that_is_neither_counts_for_nothing(text: str) -> None:
    assert retry_after({"retry-after": text}, NOW) is None


def test_a_wait_too_long_ends_the_run_and_says_so(serve: Any, client: Any, waits: Any) -> None:
    server = serve(lambda got: Answer(429, {}, {"Retry-After": "86400"}))

    with pytest.raises(failures.RateLimitError, match="asks to wait 86400 s"):
        client(server.url).get("/v", {})

    assert waits == []
    assert len(server.got) == 1


def test_the_sum_of_all_waits_is_limited(serve: Any, client: Any, waits: Any) -> None:
    server = serve(lambda got: Answer(429, {}, {"Retry-After": "40"}))

    with pytest.raises(failures.RateLimitError):
        client(server.url, policy=Policy(attempts=99, total=100.0)).get("/v", {})

    assert [seconds for seconds, _ in waits] == [40.0, 40.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, failures.RefusedRequestError),
        (401, failures.AuthenticationError),
        (403, failures.ForbiddenError),
        (404, failures.NotFoundError),
        (422, failures.RefusedRequestError),
        (501, failures.RefusedRequestError),
    ],
)
def test_what_will_not_pass_is_asked_once(serve: Any, client: Any, waits: Any, status: int, kind: type) -> None:
    said = {"error": {"message": f"no such field; key {SECRET}\x1b[31m given\nhere"}}
    server = serve(lambda got: Answer(status, said))

    with pytest.raises(kind) as raised:
        client(server.url).get("/v", {"q": "hidden"}, "calls")

    text = str(raised.value)
    assert len(server.got) == 1
    assert waits == []
    assert SECRET not in text
    assert "\x1b" not in text
    assert "hidden" not in text
    assert "127.0.0.1: GET /v (stream calls)" in text
    assert ("VENDOR_API_KEY" in text) == (status in (401, 403))
    assert ("no such field; key ***" in text) == (status not in (401, 403))


def test_a_connection_cut_in_the_body_is_asked_again(serve: Any, client: Any, waits: Any) -> None:
    server = serve(ok)
    server.faults.extend([Answer(body={"a": "b" * 100}, cut=40), Answer(body={"a": "b" * 100}, cut=0)])

    assert client(server.url).get("/v", {}) == {"path": "/v"}
    assert "no whole answer (RemoteProtocolError)" in waits[0][1]
    assert len(waits) == 2


def test_an_answer_that_never_comes_is_given_up(serve: Any, client: Any, waits: Any) -> None:
    server = serve(ok)
    server.faults.append(Answer(hang=True))

    assert client(server.url, timeout=0.05).get("/v", {}) == {"path": "/v"}
    assert "no whole answer (ReadTimeout)" in waits[0][1]


def test_an_answer_that_drips_is_given_up(serve: Any, client: Any) -> None:
    ticks = iter([0.0, 700.0, 700.0, 1400.0])
    server = serve(ok)

    with pytest.raises(failures.UnreachableError, match="drips too slowly"):
        client(server.url, clock=lambda: next(ticks), policy=Policy(attempts=2)).get("/v", {})


def test_nobody_there_is_an_error_without_the_clients_own_words(client: Any, serve: Any) -> None:
    server = serve(ok)
    server.stop()

    with pytest.raises(failures.UnreachableError, match=r"127\.0\.0\.1: GET /v: no whole answer \(ConnectError\)"):
        client(server.url, policy=Policy(attempts=2)).get("/v", {})


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b'{"a": 1', b'{"a": NaN}', b"\xff\xfe", b"[" * 99999])
def test_what_is_not_json_is_asked_again_then_refused(serve: Any, client: Any, waits: Any, body: bytes) -> None:
    server = serve(lambda got: Answer(body=body, headers={"Content-Type": "text/html; charset=x"}))

    with pytest.raises(failures.MalformedError, match=r"what is not JSON \(text/html, \d+ bytes\); is the address"):
        client(server.url, policy=Policy(attempts=3)).get("/v", {})

    assert len(waits) == 2


def test_a_number_that_python_refuses_is_malformed(serve: Any, client: Any) -> None:
    server = serve(lambda got: Answer(body=b'{"a": ' + b"1" * 5000 + b"}"))

    with pytest.raises(failures.MalformedError):
        client(server.url).get("/v", {})


def test_a_large_answer_is_refused(serve: Any, client: Any) -> None:
    server = serve(lambda got: Answer(body={"a": "b" * 3_000_000}))

    with pytest.raises(failures.TooLargeError, match="larger than 2 MB"):
        client(server.url, largest=2 * 1024 * 1024).get("/v", {})


def test_a_gzip_bomb_is_unpacked_to_its_limit_and_no_further(serve: Any, client: Any) -> None:
    import tracemalloc

    bomb = gzip.compress(b" " * 200_000_000 + b"{}", 9)
    server = serve(lambda got: Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
    connected = client(server.url, largest=4 * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(failures.TooLargeError, match="larger than 4 MB"):
            connected.get("/v", {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 24_000_000


def test_packed_answers_are_unpacked_and_broken_ones_asked_again(serve: Any, client: Any, waits: Any) -> None:
    packed = gzip.compress(json.dumps({"a": "b" * 1000}).encode())
    zipped = {"Content-Encoding": "gzip"}
    server = serve(lambda got: Answer(body=packed, headers=zipped))
    server.faults.extend([Answer(body=packed[:-9], headers=zipped), Answer(body=b"\x00" * 30, headers=zipped)])

    assert client(server.url).get("/v", {}) == {"a": "b" * 1000}
    assert server.got[0].headers["accept-encoding"] == "gzip"
    assert len(waits) == 2


def test_an_encoding_nobody_asked_for_is_refused(serve: Any, client: Any) -> None:
    server = serve(lambda got: Answer(body=b"{}", headers={"Content-Encoding": "br"}))

    with pytest.raises(failures.MalformedError, match="not asked for"):
        client(server.url).get("/v", {})


def test_a_redirect_to_a_declared_host_is_followed_without_the_credential(serve: Any, client: Any) -> None:
    other = serve(ok)
    server = serve(lambda got: Answer(302, {}, {"Location": f"http://localhost:{other.port}/there"}))

    assert client(server.url, ("127.0.0.1", "localhost")).get("/v", {}) == {"path": "/there"}
    assert SECRET not in str(other.got[0].headers)


def test_a_redirect_to_another_port_is_followed_without_the_credential(serve: Any, client: Any) -> None:
    other = serve(ok)
    server = serve(lambda got: Answer(302, {}, {"Location": f"http://127.0.0.1:{other.port}/there"}))

    assert client(server.url).get("/v", {}) == {"path": "/there"}
    assert SECRET not in str(other.got[0].headers)


@pytest.mark.parametrize("target", ["http://evil.example/x", "https://evil.example/x", "//evil.example/x"])
def test_a_redirect_to_any_other_host_is_refused(serve: Any, client: Any, target: str) -> None:
    server = serve(lambda got: Answer(307, {}, {"Location": target}))

    with pytest.raises(EgressError, match=r"evil\.example: is not among the declared hosts"):
        client(server.url).post("/v", {"a": 1})

    assert len(server.got) == 1


def test_a_redirect_from_https_to_http_is_refused(waits: Any) -> None:
    from tokenop.extract.http import Transport

    transport = Transport(httpx, Origin("https://api.example.com", ("api.example.com",)), Manner(lambda s, w: None))
    with transport, pytest.raises(failures.RedirectError, match="in the clear"):
        transport.handle_request(httpx.Request("GET", "http://api.example.com/v"))


def test_redirects_without_end_are_an_error(serve: Any, client: Any) -> None:
    server = serve(lambda got: Answer(302, {}, {"Location": "/again"}))

    with pytest.raises(failures.MalformedError, match="TooManyRedirects"):
        client(server.url).get("/v", {})

    assert len(server.got) == 6


def test_an_undeclared_host_is_never_asked(client: Any, serve: Any) -> None:
    server = serve(ok)

    with pytest.raises(EgressError):
        client(server.url, ("api.example.com",)).get("/v", {})

    assert server.got == []


@pytest.mark.parametrize("value", ["", "  ", "key\nX-Evil: 1", "a b", "schlüssel", "\x7fkey"])
def test_a_credential_that_cannot_be_sent_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(MissingCredentials) as raised:
        credential({"A_KEY": value}, "A_KEY", "B_KEY")

    assert str(raised.value).startswith("A_KEY")
    assert not value.strip() or value.strip() not in str(raised.value)


def test_the_first_credential_that_is_set_is_taken() -> None:
    assert credential({"B_KEY": " sk-1\n"}, "A_KEY", "B_KEY") == "sk-1"


def test_the_vendors_own_clients_are_built_on_a_backend_that_fits() -> None:
    import httpx2
    from langsmith import DefaultHttpxClient as Langsmith
    from openai import DefaultHttpxClient as OpenAI

    assert backend_of(httpx.Client) is httpx
    assert backend_of(OpenAI) is httpx2
    assert backend_of(Langsmith) is httpx2


def test_the_environments_proxy_is_used_unless_it_is_to_be_passed_by(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda got: {"for": got.headers["host"]})
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "internal.example")

    assert client("http://api.example", ("api.example",)).get("/v", {}) == {"for": "api.example"}
    server = serve(ok)
    assert client(server.url).get("/v", {}) == {"path": "/v"}
    with pytest.raises(failures.UnreachableError):
        client("http://internal.example", ("internal.example",), policy=Policy(attempts=1)).get("/v", {})
    assert len(proxy.got) == 1
