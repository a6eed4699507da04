"""Langfuse's extractor against both versions of its API on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.langfuse import Langfuse
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.extract.failures import MalformedError, NotFoundError
from tokenop.extract.model import MissingCredentials, Window

STREAM = stream_of("langfuse", "observations")


@pytest.mark.parametrize("api", ["v2", "v1"])
@pytest.mark.parametrize("largest", [1, 4, 1000])
def test_generations_and_embeddings_of_all_pages_arrive_once(serve: Any, waits: Any, api: str, largest: int) -> None:
    vendor = Langfuse(largest)
    server = serve(vendor)
    session = opened("langfuse", vendor.environment(server.url), waits, api=api)

    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    mine = [call for call in vendor.data if day(0) <= call.at < day(1)]
    assert {row["id"]: row["total_cost"] for row in rows} == {call.id: call.cost for call in mine}
    assert len(rows) == len(mine)
    assert {row["type"] for row in rows} == {"GENERATION", "EMBEDDING"}
    assert {row["provided_model_name"] for row in rows} == {call.model for call in mine}


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_prompts_are_not_asked_for_and_never_kept(serve: Any, waits: Any, api: str) -> None:
    vendor = Langfuse()
    server = serve(vendor)
    session = opened("langfuse", vendor.environment(server.url), waits, api=api)
    rows = fetch(session, STREAM, Window(day(0), day(3)))
    session.close()

    assert CANARY not in json.dumps(rows)
    assert set(rows[0]) <= set(STREAM.columns)
    assert rows[0]["usage_details"].keys() == {"input", "input_cached_tokens", "output"}
    if api == "v2":
        assert all(not {"io", "metadata"} & set(got.one("fields").split(",")) for got in server.got)


def test_an_old_server_is_told_by_its_answer(serve: Any, waits: Any) -> None:
    vendor = Langfuse()
    server = serve(lambda got: vendor(got) if "v2" not in got.path else _missing())
    session = opened("langfuse", vendor.environment(server.url), waits)

    with pytest.raises(NotFoundError, match="404: Not Found; a server before version 4 needs --setting api=v1"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


def _missing() -> Any:
    from tests.extract.servers.loopback import Answer

    return Answer(404, {"message": "Not Found"})


def test_a_cursor_that_comes_back_is_not_followed_in_circles(serve: Any, waits: Any) -> None:
    server = serve(lambda got: {"data": [], "meta": {"cursor": "same"}})
    session = opened("langfuse", Langfuse().environment(server.url), waits)

    with pytest.raises(MalformedError, match="read before"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert len(server.got) == 2


@pytest.mark.parametrize("answer", [[], {}, {"data": []}, {"data": [1], "meta": {}}, {"data": None, "meta": {}}])
@pytest.mark.parametrize("api", ["v2", "v1"])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any, api: str) -> None:
    server = serve(lambda got: answer)
    session = opened("langfuse", Langfuse().environment(server.url), waits, api=api)

    with pytest.raises(MalformedError):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


@pytest.mark.parametrize("missing", ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"])
def test_the_missing_key_is_named(waits: Any, missing: str) -> None:
    environment = Langfuse().environment("http://127.0.0.1:1")
    del environment[missing]

    with pytest.raises(MissingCredentials, match=f"{missing} is not set"):
        opened("langfuse", environment, waits)


def test_the_newer_name_of_the_address_is_understood(serve: Any, waits: Any) -> None:
    vendor = Langfuse()
    server = serve(vendor)
    environment = vendor.environment(server.url)
    environment["LANGFUSE_BASE_URL"] = environment.pop("LANGFUSE_HOST")
    session = opened("langfuse", environment, waits)

    assert fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
