"""LiteLLM's extractor against a proxy on loopback."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.litellm import LiteLLM
from tests.extract.servers.loopback import Got
from tests.extract.sessions import day, fetch, opened, stream_of, windows
from tokenop.collect import manifest
from tokenop.extract.failures import MalformedError
from tokenop.extract.model import MissingCredentials, Window
from tokenop.extract.sources import litellm

STREAM = stream_of("litellm", "spend_logs")


def test_all_calls_arrive_once_with_their_exact_costs(serve: Any, waits: Any) -> None:
    vendor = LiteLLM()
    server = serve(vendor)
    session = opened("litellm", vendor.environment(server.url), waits)

    rows = [row for window in windows(STREAM) for row in fetch(session, STREAM, window)]
    session.close()

    wanted = {call.id: call.cost for call in vendor.data if day(0) <= call.at < day(3)}
    assert {row["request_id"]: row["spend"] for row in rows} == wanted
    assert len(rows) == len(wanted)


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_windows_are_halved_until_they_fit_a_page(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(litellm, "PAGE", page)
    vendor = LiteLLM()
    server = serve(vendor)
    session = opened("litellm", vendor.environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    assert sorted(row["request_id"] for row in rows) == sorted(c.id for c in vendor.data if day(0) <= c.at < day(1))
    if page > 6:  # more than any second holds: no second page was needed
        assert all(got.one("page") == "1" for got in server.got)


def test_a_count_that_stops_at_its_limit_hides_no_call(serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "PAGE", 40)
    vendor = LiteLLM(cap=20)
    server = serve(vendor)
    session = opened("litellm", vendor.environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(0), day(3)))
    session.close()

    assert len(rows) == sum(day(0) <= call.at < day(3) for call in vendor.data)


def test_a_second_whose_pages_never_show_all_is_an_error_not_a_gap(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litellm, "PAGE", 2)
    row = {"startTime": "2026-08-25T00:00:00.000Z"}
    same = [{**row, "request_id": "a"}, {**row, "request_id": "b"}]
    server = serve(lambda got: {"data": same, "total": 6, "total_pages": 3})
    session = opened("litellm", LiteLLM().environment(server.url), waits)

    with pytest.raises(MalformedError, match="6 calls in the second 2026-08-25T00:00:00Z, of which its pages show 2"):
        fetch(session, STREAM, Window(day(0), day(0) + timedelta(seconds=1)))
    session.close()


def test_proxies_with_smaller_pages_are_asked_for_those(serve: Any, waits: Any) -> None:
    vendor = LiteLLM(largest=100)
    server = serve(vendor)
    session = opened("litellm", vendor.environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    assert len(rows) == sum(day(0) <= call.at < day(1) for call in vendor.data)
    assert [got.one("page_size") for got in server.got[:3]] == ["1000", "100", "100"][: len(server.got)]


def test_of_metadata_only_what_the_mapping_reads_is_kept(serve: Any, waits: Any) -> None:
    vendor = LiteLLM()
    server = serve(vendor)
    session = opened("litellm", vendor.environment(server.url), waits)
    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    assert CANARY not in json.dumps(rows)
    assert all("requester_ip_address" not in row and "api_key" not in row for row in rows)
    paths = re.findall(r"'\$\.([a-z0-9_.]+)'", (manifest.find("litellm").map_file).read_text())
    assert len(paths) > 20
    for path in paths:
        kept: Any = litellm.METADATA
        for step in path.split("."):
            kept = kept[step]
        assert kept is True, path


def test_bounds_are_those_of_the_proxy_which_includes_both(serve: Any, waits: Any) -> None:
    seen: list[Got] = []

    def answer(got: Got) -> Any:
        seen.append(got)
        times = ("2026-08-24T23:59:59.999", "2026-08-25 00:00:00", "2026-08-25T23:59:59.999Z", "2026-08-26T00:00:00Z")
        rows = [{"request_id": text, "startTime": text} for text in times]
        return {"data": rows, "total": 4}

    server = serve(answer)
    session = opened("litellm", LiteLLM().environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    assert seen[0].one("start_date") == "2026-08-25 00:00:00"
    assert seen[0].one("end_date") == "2026-08-26 00:00:00"
    assert [row["request_id"] for row in rows] == ["2026-08-25 00:00:00", "2026-08-25T23:59:59.999Z"]


def test_a_total_beyond_reason_ends(serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "MOST_PAGES", 5)
    row = {"request_id": "a", "startTime": "2026-08-25T00:00:00.000Z"}
    server = serve(lambda got: {"data": [row], "total": 10**30})
    session = opened("litellm", LiteLLM().environment(server.url), waits)

    with pytest.raises(MalformedError, match="of which its pages show 1"):
        fetch(session, STREAM, Window(day(0), day(0) + timedelta(seconds=1)))
    session.close()
    assert len(server.got) == 15


@pytest.mark.parametrize("answer", [[], {}, {"data": None}, {"data": [1]}, {"data": []}, {"data": [], "total": 5}])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any) -> None:
    server = serve(lambda got: answer)
    session = opened("litellm", LiteLLM().environment(server.url), waits)

    with pytest.raises(MalformedError, match="/spend/logs/v2"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


def test_missing_variables_are_named(waits: Any) -> None:
    with pytest.raises(MissingCredentials, match="LITELLM_API_KEY is not set"):
        opened("litellm", {"LITELLM_BASE_URL": "http://127.0.0.1:1"}, waits)
    with pytest.raises(MissingCredentials, match="LITELLM_BASE_URL is not set"):
        opened("litellm", {"LITELLM_API_KEY": "k"}, waits)
