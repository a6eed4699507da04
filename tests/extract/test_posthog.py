"""PostHog's extractor against its query API on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.posthog import PostHog
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.collect import manifest
from tokenop.errors import MisuseError
from tokenop.extract.failures import ForbiddenError, MalformedError
from tokenop.extract.model import MissingCredentials, Window
from tokenop.extract.sources import posthog

STREAM = stream_of("posthog", "generations")


@pytest.mark.parametrize("page", [1, 2, 5, 10_000])
def test_pages_by_time_and_uuid_give_each_call_once(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(posthog, "PAGE", page)
    vendor = PostHog()
    server = serve(vendor)
    session = opened("posthog", vendor.environment(server.url), waits)

    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    wanted = [call.id for call in vendor.data if day(0) <= call.at < day(1)]
    assert sorted(row["uuid"] for row in rows) == sorted(wanted)
    assert len(server.got) == len(wanted) // page + 1


def test_only_named_properties_are_asked_for(serve: Any, waits: Any) -> None:
    vendor = PostHog()
    server = serve(vendor)
    settings = {"tenant_property": "team", "intent_property": "feature"}
    session = opened("posthog", vendor.environment(server.url), waits, **settings)
    rows = fetch(session, STREAM, Window(day(0), day(1)))
    session.close()

    statement = server.got[0].json["query"]["query"]
    assert "$ai_input," not in statement
    assert "$ai_output_choices" not in statement
    assert "*" not in statement
    assert CANARY not in json.dumps(rows)
    assert {row["properties"]["team"] for row in rows} == {"support", "search"}
    assert {row["properties"]["feature"] for row in rows} == {"triage"}
    assert all(row["timestamp"].endswith("Z") and row["timestamp"].startswith("2026-08-25") for row in rows)


def test_all_properties_that_the_mapping_reads_are_asked_for() -> None:
    import re

    read = set(re.findall(r"'\$\.\"(\$ai_\w+)\"'", manifest.find("posthog").map_file.read_text()))

    assert len(read) > 15
    assert read == set(posthog.PROPERTIES)


@pytest.mark.parametrize("name", ["a b", "a'", "x) FROM persons --", "properties.*", "x" * 200, "a\nb"])
def test_a_property_that_could_change_the_statement_is_refused(waits: Any, name: str) -> None:
    environment = PostHog().environment("http://127.0.0.1:1")
    with pytest.raises(MisuseError):
        opened("posthog", environment, waits, tenant_property=name)


@pytest.mark.parametrize("project", ["../../x", "1/2", "1?x=1", "#"])
def test_a_project_that_could_change_the_path_is_refused(serve: Any, waits: Any, project: str) -> None:
    server = serve(PostHog())
    session = opened("posthog", PostHog().environment(server.url), waits, project=project)

    with pytest.raises(MisuseError, match="project"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert server.got == []


def test_a_project_without_access_is_said(serve: Any, waits: Any) -> None:
    server = serve(PostHog())
    session = opened("posthog", PostHog().environment(server.url), waits, project="999")

    with pytest.raises(ForbiddenError, match=r"/api/projects/999/query/ \(stream generations\): .*lacks the right"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert session.origin == "127.0.0.1/projects/999"


def test_without_a_project_the_variable_is_named(waits: Any) -> None:
    environment = {**PostHog().environment("http://127.0.0.1:1"), "POSTHOG_PROJECT_ID": ""}
    with pytest.raises(MissingCredentials, match="POSTHOG_PROJECT_ID is not set"):
        opened("posthog", environment, waits)


def test_a_server_that_repeats_a_page_is_not_followed_in_circles(
    serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog, "PAGE", 1)
    row = ["0198aa", "$ai_generation", "u1", "2026-08-25T01:00:00Z", *[None] * len(posthog.PROPERTIES)]
    server = serve(lambda got: {"results": [row]})
    session = opened("posthog", PostHog().environment(server.url), waits)

    with pytest.raises(MalformedError, match="read before"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert len(server.got) == 2


@pytest.mark.parametrize("answer", [{}, {"results": None}, {"results": [{"uuid": 1}]}, {"results": [[1, 2]]}, []])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any) -> None:
    server = serve(lambda got: answer)
    session = opened("posthog", PostHog().environment(server.url), waits)

    with pytest.raises(MalformedError, match="without results"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
