"""What holds for every source that is asked over HTTP: faults, credentials, slices, dry runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.loopback import Answer, Server
from tests.extract.sessions import fetch, opened, stream_of, windows
from tests.extract.vendors import VENDORS
from tokenop.collect import manifest
from tokenop.errors import TokenOpError
from tokenop.extract import failures, sources
from tokenop.extract.egress import EgressError
from tokenop.extract.model import Window
from tokenop.extract.sources import helicone, litellm, posthog

CUT = Answer(body={"data": ["x" * 500]}, cut=100)
FAULTS = [
    Answer(429, {"error": "rate limit"}, {"Retry-After": "3"}),
    Answer(429, {}, {"Retry-After": "Tue, 25 Aug 2026 17:00:09 GMT", "Date": "Tue, 25 Aug 2026 17:00:00 GMT"}),
    Answer(500, b"oops"),
    Answer(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
    CUT,
    Answer(200, b'{"data": [{"id": 1'),
    Answer(200, b"<html>please log in</html>", {"Content-Type": "text/html"}),
]


@pytest.fixture(params=sorted(VENDORS))
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return one vendor's server; pages are small so that a slice has several."""
    for module, page in ((litellm, 4), (helicone, 4), (posthog, 4)):
        monkeypatch.setattr(module, "PAGE", page)
    return VENDORS[request.param]()


def everything(vendor: Any, server: Server, waits: Any) -> dict[Window, list[dict[str, Any]]]:
    """Return the rows of all slices of the vendor's first stream."""
    stream = stream_of(vendor.name, vendor.stream)
    session = opened(vendor.name, vendor.environment(server.url), waits)
    try:
        return {window: fetch(session, stream, window) for window in windows(stream)}
    finally:
        session.close()


def ordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_each_call_is_in_exactly_one_slice_and_nothing_planted_in_any(vendor: Any, serve: Any, waits: Any) -> None:
    found = everything(vendor, serve(vendor), waits)

    ids = [name for rows in found.values() for row in rows for name in vendor.ids(row)]
    assert len(ids) == len(set(ids)) > 3
    assert CANARY not in json.dumps(list(found.values()))
    assert waits == []


def test_faults_on_every_kind_of_request_change_no_row(vendor: Any, serve: Any, waits: Any) -> None:
    undisturbed = everything(vendor, serve(vendor), waits)
    server = serve(vendor)
    for fault in FAULTS:
        server.faults.extend([fault, None, None])  # one fault, then two requests that work

    disturbed = everything(vendor, server, waits)

    assert {window: ordered(rows) for window, rows in disturbed.items()} == {
        window: ordered(rows) for window, rows in undisturbed.items()
    }
    assert len(waits) >= 2
    assert [seconds for seconds, _ in waits[:2]] == [3.0, 9.0]
    assert all(vendor.secret not in reason and CANARY not in reason for _, reason in waits)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(500, {}), failures.ServerError),
        (Answer(429, {}), failures.RateLimitError),
        (Answer(200, b"<html>"), failures.MalformedError),
        (CUT, failures.UnreachableError),
        (Answer(400, {"message": "no"}), failures.RefusedRequestError),
        (Answer(403, {}), failures.ForbiddenError),
        (Answer(404, {}), failures.NotFoundError),
    ],
)
def test_a_fault_that_stays_ends_in_an_error_of_its_kind(
    vendor: Any, serve: Any, waits: Any, answer: Answer, kind: type[TokenOpError]
) -> None:
    server = serve(lambda got: answer)

    with pytest.raises(kind, match=rf"127\.0\.0\.1: (GET|POST) .*\(stream {vendor.stream}\)") as raised:
        everything(vendor, server, waits)

    again = kind in (failures.ServerError, failures.RateLimitError, failures.MalformedError, failures.UnreachableError)
    assert len(server.got) == (8 if again else 1)
    assert len(waits) == len(server.got) - 1
    assert vendor.secret not in str(raised.value)


def test_a_wrong_credential_is_said_once_without_being_shown(vendor: Any, serve: Any, waits: Any) -> None:
    server = serve(vendor)
    right = vendor.environment(server.url)
    wrong = {name: "wrong-canary-987654" if value == vendor.secret else value for name, value in right.items()}
    session = opened(vendor.name, wrong, waits)
    stream = stream_of(vendor.name, vendor.stream)

    with pytest.raises(failures.AuthenticationError, match="the credential was refused") as raised:
        fetch(session, stream, windows(stream)[0])
    session.close()

    assert len(server.got) == 1
    assert "wrong-canary-987654" not in str(raised.value)
    assert any(name in str(raised.value) for name in right if "KEY" in name)


def test_a_redirect_to_another_host_sends_no_credential_there(vendor: Any, serve: Any, waits: Any) -> None:
    other = serve(lambda got: {})
    server = serve(lambda got: Answer(307, {}, {"Location": f"http://localhost:{other.port}/"}))

    with pytest.raises(EgressError, match="localhost"):
        everything(vendor, server, waits)

    assert other.got == []


def test_a_dry_run_needs_nothing_and_shows_no_secret(vendor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in vendor.environment("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    collector = manifest.find(vendor.name)
    stream = stream_of(vendor.name, vendor.stream)

    asked = sources.find(vendor.name).requests(collector, stream, windows(stream)[0], collector.values({}))

    assert asked
    for request in asked:
        assert request.method in ("GET", "POST")
        assert request.target.startswith("$")
        assert vendor.secret not in str(request)
    assert "2026-08-25" in str(asked) or "1787616000" in str(asked)


def test_what_a_dry_run_shows_is_what_is_sent_first(vendor: Any, serve: Any, waits: Any) -> None:
    collector = manifest.find(vendor.name)
    stream = stream_of(vendor.name, vendor.stream)
    server = serve(vendor)
    session = opened(vendor.name, vendor.environment(server.url), waits)
    fetch(session, stream, windows(stream)[0])
    session.close()

    sent = {(got.method, got.path.removeprefix("/v1")) for got in server.got}
    asked = sources.find(vendor.name).requests(collector, stream, windows(stream)[0], collector.values({}))

    shown = {(r.method, "/" + r.target.partition("/")[2].replace("$POSTHOG_PROJECT_ID", "4711")) for r in asked}
    assert {(method, path.removeprefix("/v1")) for method, path in shown} == sent
