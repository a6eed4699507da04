"""LangSmith's extractor: the official client against loopback."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.langsmith import PROJECTS, LangSmith
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.errors import MisuseError
from tokenop.extract.failures import MalformedError
from tokenop.extract.model import Window
from tokenop.extract.sources import langsmith

STREAM = stream_of("langsmith", "runs")


@pytest.mark.parametrize("largest", [3, 7, 1000])
def test_all_runs_of_all_projects_arrive_once(serve: Any, waits: Any, largest: int) -> None:
    vendor = LangSmith(largest)
    server = serve(vendor)
    session = opened("langsmith", vendor.environment(server.url), waits)

    rows = [row for number in range(3) for row in fetch(session, STREAM, Window(day(number), day(number + 1)))]
    session.close()

    wanted = {call.id: call.cost for call in vendor.data if day(0) <= call.at < day(3)}
    assert {row["id"]: row["total_cost"] for row in rows} == wanted
    assert len(rows) == len(wanted)
    assert sum(got.path == "/api/v2/sessions" for got in server.got) == 2  # its two pages, once


@pytest.mark.parametrize("wanted", ["support", next(iter(PROJECTS))])
def test_projects_are_chosen_by_name_or_id(serve: Any, waits: Any, wanted: str) -> None:
    vendor = LangSmith()
    server = serve(vendor)
    session = opened("langsmith", vendor.environment(server.url), waits, projects=wanted)

    rows = fetch(session, STREAM, Window(day(0), day(3)))
    session.close()

    assert {row["id"] for row in rows} == {
        call.id for call in vendor.data if call.team == "support" and day(0) <= call.at < day(3)
    }


def test_an_unknown_project_is_named_with_those_that_there_are(serve: Any, waits: Any) -> None:
    server = serve(LangSmith())
    session = opened("langsmith", LangSmith().environment(server.url), waits, projects="support, nowhere")

    with pytest.raises(MisuseError, match="nowhere: no such project; there are search, support"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


def test_fields_with_prompts_are_not_selected_and_metadata_are_picked(serve: Any, waits: Any) -> None:
    vendor = LangSmith()
    server = serve(vendor)
    session = opened("langsmith", vendor.environment(server.url), waits)
    rows = fetch(session, STREAM, Window(day(0), day(3)))
    session.close()

    selected = {field for got in server.got if got.body for field in got.json["selects"]}
    assert selected == set(langsmith.SELECTS)
    assert not selected & {"INPUTS", "OUTPUTS", "EXTRA", "EVENTS", "ERROR", "MANIFEST", "ATTACHMENTS", "SHARE_URL"}
    assert CANARY not in json.dumps(rows)
    row = rows[0]
    assert set(row["metadata"]) == {"ls_provider", "ls_model_name", "thread_id", "intent", "tenant"}
    assert row["prompt_token_details"].keys() == {"cache_read"}
    assert row["feedback_stats"] == {"correctness": {"n": 2, "avg": "0.5"}}
    assert (row["run_type"], row["status"]) == ("llm", "success")


def test_the_deprecated_calls_are_not_used(serve: Any, waits: Any) -> None:
    server = serve(LangSmith())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = opened("langsmith", LangSmith().environment(server.url), waits)
        fetch(session, STREAM, Window(day(0), day(1)))
        session.close()

    assert {got.path for got in server.got} == {"/api/v2/sessions", "/api/v2/runs/query"}


def test_other_types_of_runs_are_asked_for_one_by_one(serve: Any, waits: Any) -> None:
    server = serve(LangSmith())
    session = opened("langsmith", LangSmith().environment(server.url), waits, run_types="llm,embedding")
    fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    assert {got.json["run_type"] for got in server.got if got.body} == {"LLM", "EMBEDDING"}


def test_a_cursor_that_comes_back_is_not_followed_in_circles(serve: Any, waits: Any) -> None:
    vendor = LangSmith()
    server = serve(lambda got: vendor(got) if got.method == "GET" else {"items": [{"id": "a"}], "next_cursor": "same"})
    session = opened("langsmith", vendor.environment(server.url), waits)

    with pytest.raises(MalformedError, match="read before"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


@pytest.mark.parametrize("answer", [[], {}, {"items": None}, {"items": ["x"]}, {"items": [], "next_cursor": 7}])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any) -> None:
    vendor = LangSmith()
    server = serve(lambda got: vendor(got) if got.method == "GET" else answer)
    session = opened("langsmith", vendor.environment(server.url), waits)

    with pytest.raises(MalformedError):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()


def test_an_endpoint_that_names_version_one_is_understood(serve: Any, waits: Any) -> None:
    server = serve(LangSmith())
    session = opened("langsmith", LangSmith().environment(f"{server.url}/api/v1"), waits)

    assert fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
