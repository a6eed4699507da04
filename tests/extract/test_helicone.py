"""Helicone's extractor against its query API on loopback."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.helicone import Helicone
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.extract.failures import MalformedError
from tokenop.extract.model import Window
from tokenop.extract.sources import helicone

STREAM = stream_of("helicone", "requests")


@pytest.mark.parametrize("page", [1, 2, 7, 1000])
def test_windows_are_halved_until_they_fit_a_page(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(helicone, "PAGE", page)
    vendor = Helicone()
    server = serve(vendor)
    # Several calls of one millisecond do not fit pages of one or two, and change places between them.
    seconds = {call.at.replace(microsecond=0) for call in vendor.data}
    alone = {at for at in seconds if sum(call.at.replace(microsecond=0) == at for call in vendor.data) < page}
    vendor.data = [call for call in vendor.data if page > 4 or call.at.replace(microsecond=0) in alone] or vendor.data[
        :1
    ]
    session = opened("helicone", vendor.environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(-1), day(4)))
    session.close()

    assert sorted(row["request_id"] for row in rows) == sorted(call.id for call in vendor.data)
    assert {row["request_id"]: row["costUSD"] for row in rows} == {call.id: call.cost for call in vendor.data}


def test_bodies_links_and_other_properties_are_dropped(serve: Any, waits: Any) -> None:
    vendor = Helicone()
    server = serve(vendor)
    session = opened("helicone", vendor.environment(server.url), waits)
    rows = fetch(session, STREAM, Window(day(0), day(3)))
    session.close()

    assert CANARY not in json.dumps(rows)
    assert set(rows[0]) <= set(STREAM.columns)
    assert rows[0]["request_properties"].keys() == {"tenant", "Helicone-Session-Id"}
    assert rows[0]["target_url"] == "https://api.openai.com"
    assert server.got[0].json["includeInputs"] is False


def test_a_second_whose_rows_change_places_is_an_error_not_a_gap(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helicone, "PAGE", 2)
    pages = iter([["a", "b"], ["b"]])
    at = "2026-08-25 00:00:00.000"
    server = serve(
        lambda got: {"data": [{"request_id": i, "request_created_at": at} for i in next(pages)], "error": None}
    )
    session = opened("helicone", Helicone().environment(server.url), waits)

    with pytest.raises(MalformedError, match="in the second 2026-08-25T00:00:00Z"):
        fetch(session, STREAM, Window(day(0), day(0) + timedelta(seconds=1)))
    session.close()


@pytest.mark.parametrize("answer", [[], {}, {"data": None, "error": None}, {"data": [], "error": "invalid limit"}])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any) -> None:
    server = serve(lambda got: answer)
    session = opened("helicone", Helicone().environment(server.url), waits)

    with pytest.raises(MalformedError):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
