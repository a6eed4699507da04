"""PostHog's LLM events: generations and embeddings, with cached tokens counted as their flag says."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.exports import FORMATS, Row, write
from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "posthog"
PROPERTIES: dict[str, Any] = {
    "$ai_model": "claude-sonnet-4-5",
    "$ai_provider": "Anthropic",
    "$ai_input_tokens": 10,
    "$ai_output_tokens": 20,
    "$ai_cache_read_input_tokens": 900,
    "$ai_cache_creation_input_tokens": 90,
    "$ai_cache_creation_1h_input_tokens": 80,
    "$ai_cache_reporting_exclusive": True,
    "$ai_latency": 1.5,
    "$ai_time_to_first_token": 0.25,
    "$ai_total_cost_usd": 0.0006,
    "$ai_trace_id": "trace-1",
    "$ai_session_id": "session-1",
    "$ai_parent_id": "span-1",
    "$ai_span_name": "summarize",
    "$ai_http_status": 200,
    "$ai_is_error": False,
    "$ai_base_url": "https://api.anthropic.com/v1?key=secret",
}
Reading = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Return a function from rows to what the collector makes of them."""

    def reading(*rows: Row, form: str = "jsonl", **settings: str) -> Read:
        return Read(FOLDER, write(tmp_path, rows, form), tmp_path / "scratch", settings)

    return reading


def sent(number: int = 1, event: str = "$ai_generation", *, text: bool = True, **properties: Any) -> dict[str, Any]:
    """Return a row; properties are named without `$ai_`, and left out where they are `...`."""
    values = PROPERTIES | {f"$ai_{name}": value for name, value in properties.items()}
    kept = {name: value for name, value in values.items() if value is not ...}
    return {
        "uuid": f"0198-{number}",
        "event": event,
        "distinct_id": "user-1",
        "person_id": "person-1",
        "timestamp": "2026-09-01T09:00:00.000000Z",
        "properties": json.dumps(kept) if text else kept,
    }


def openai(number: int = 1, **properties: Any) -> dict[str, Any]:
    values = {
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 1000,
        "cache_creation_input_tokens": ...,
        "cache_creation_1h_input_tokens": ...,
        "cache_reporting_exclusive": False,
    }
    return sent(number, **{**values, **properties})


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 14, "events": 8, "duplicates": 1, "rejected": 2, "filtered": 3}


@pytest.mark.parametrize("text", [True, False], ids=["text", "object"])
@pytest.mark.parametrize("form", FORMATS)
def test_properties_are_read_as_text_and_as_objects_in_every_form(read: Reading, form: str, text: bool) -> None:
    event = read(sent(text=text), form=form).event
    assert (event["id"], event["ts"]) == ("0198-1", "2026-09-01 09:00:00+00")
    assert (event["provider"], event["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert (event["input_tokens"], event["output_tokens"]) == (1000, 20)
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (900, 90)
    assert event["cache_creation_1h_input_tokens"] == 80
    assert event["cost_usd"] == Decimal("0.0006")
    assert (event["session_id"], event["task_id"], event["parent_id"]) == ("session-1", "trace-1", "span-1")
    assert (event["intent"], event["user_id"], event["tenant"]) == ("summarize", "user-1", "unknown")
    assert (event["endpoint"], event["operation"], event["status"]) == ("api.anthropic.com", "chat", "ok")


def test_the_row_of_the_development_data_is_read(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "posthog.jsonl", tmp_path / "scratch").event
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["latency_ms"]) == (910, 900, 1500.0)


def test_latencies_are_seconds(read: Reading) -> None:
    event = read(sent()).event
    assert (event["latency_ms"], event["ttft_ms"]) == (1500.0, 250.0)


@pytest.mark.parametrize("latency", [..., None, 0])
def test_a_latency_that_nobody_measured_is_unknown(read: Reading, latency: Any) -> None:
    assert read(sent(latency=latency)).event["latency_ms"] is None


def test_the_flag_decides_and_not_the_provider(read: Reading) -> None:
    found = read(
        sent(1, cache_reporting_exclusive=False, input_tokens=1000),
        openai(2, cache_reporting_exclusive=True, input_tokens=100),
    )
    assert [event["input_tokens"] for event in found.events] == [1000, 1000]


@pytest.mark.parametrize(("flag", "tokens"), [(True, 1000), ("true", 1000), ("True", 1000), (1, 1000)])
def test_the_flag_is_read_as_a_boolean_or_as_a_word(read: Reading, flag: Any, tokens: int) -> None:
    assert read(sent(cache_reporting_exclusive=flag)).event["input_tokens"] == tokens


def test_an_event_that_contradicts_its_flag_is_rejected(read: Reading) -> None:
    assert read(sent(cache_reporting_exclusive=False)).counts.rejected == 1


@pytest.mark.parametrize("flag", [..., None])
@pytest.mark.parametrize(
    ("properties", "tokens"),
    [
        ({"provider": "anthropic", "model": "x", "input_tokens": 5000}, 5990),
        ({"provider": "vertex", "model": "claude-sonnet-4-5", "input_tokens": 5000}, 5990),
        ({"provider": "bedrock", "model": "us.anthropic.claude-v2", "input_tokens": 5000}, 5990),
        ({"provider": "openai", "model": "gpt-4o", "input_tokens": 5000}, 5000),
        ({"provider": "gemini", "model": "gemini-2.5-pro", "input_tokens": 5000}, 5000),
        ({"provider": "openai", "model": "gpt-4o", "input_tokens": 10}, 1000),
        ({"provider": "gateway", "framework": "vercel", "input_tokens": 5000}, 5000),
        ({"provider": "gateway", "framework": "vercel", "input_tokens": 10}, 1000),
    ],
)
def test_without_the_flag_cached_tokens_count_as_posthog_itself_takes_them(
    read: Reading, properties: dict[str, Any], tokens: int, flag: Any
) -> None:
    assert read(sent(**properties, cache_reporting_exclusive=flag)).event["input_tokens"] == tokens


def test_the_user_may_say_what_a_missing_flag_means(read: Reading) -> None:
    row = sent(cache_reporting_exclusive=..., input_tokens=5000)
    assert read(row, missing_flag="inclusive").event["input_tokens"] == 5000


def test_traces_spans_and_other_events_are_left_out(read: Reading) -> None:
    kinds = ["$ai_feedback", "$ai_metric", "$ai_span", "$ai_trace", "$pageview"]
    found = read(*(sent(n, event=kind) for n, kind in enumerate(kinds)), sent(9))
    assert found.counts.events == 1
    assert found.left_out == {f"event {kind} is no call of a model": 1 for kind in kinds}


def test_events_that_are_no_calls_need_no_properties(read: Reading) -> None:
    found = read({"uuid": "1", "event": "$pageview", "properties": "{"}, {"uuid": "2"}, sent(3))
    assert (found.counts.events, found.counts.filtered) == (1, 2)


def test_embeddings_generate_nothing(read: Reading) -> None:
    event = read(sent(event="$ai_embedding", output_tokens=...)).event
    assert (event["output_tokens"], event["operation"]) == (0, "embeddings")


def test_an_embedding_that_failed_has_unknown_tokens(read: Reading) -> None:
    event = read(sent(event="$ai_embedding", input_tokens=..., output_tokens=..., is_error=True)).event
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (None, None, "missing")


@pytest.mark.parametrize("tokens", [0, None, ...])
def test_a_failed_call_has_unknown_tokens_and_its_status(read: Reading, tokens: Any) -> None:
    nothing = dict.fromkeys(("input_tokens", "output_tokens", "total_cost_usd"), tokens)
    event = read(openai(**nothing, cache_read_input_tokens=..., is_error=True, http_status=429)).event
    assert (event["input_tokens"], event["usage_source"], event["cost_usd"]) == (None, "missing", None)
    assert event["status"] == "429"


@pytest.mark.parametrize(
    ("http", "failed", "status"),
    [
        (200, False, "ok"),
        (..., False, "ok"),
        (..., True, "error"),
        (200, True, "error"),
        (500, ..., "500"),
        (..., ..., None),
    ],
)
def test_the_status_is_the_http_status_or_an_error(read: Reading, http: Any, failed: Any, status: str | None) -> None:
    assert read(sent(http_status=http, is_error=failed)).event["status"] == status


def test_a_cost_of_nothing_for_used_tokens_is_unknown(read: Reading) -> None:
    event = read(sent(total_cost_usd=0)).event
    assert (event["cost_usd"], event["cost_source"]) == (None, "unpriced")


def test_intent_and_tenant_come_from_the_properties_that_the_user_names(read: Reading) -> None:
    rows = [sent(n, text=False) for n in (1, 2)]
    rows[0]["properties"] |= {"feature": "rank", "$group_0": "acme"}
    found = read(*rows, intent_property="feature", tenant_property="$group_0")
    assert [(event["intent"], event["tenant"]) for event in found.events] == [
        ("rank", "acme"),
        ("summarize", "unknown"),
    ]


def test_a_trace_is_no_user(read: Reading) -> None:
    assert read(sent() | {"distinct_id": "trace-1"}).event["user_id"] is None


def test_times_without_a_zone_are_utc(read: Reading) -> None:
    assert read(sent() | {"timestamp": "2026-09-01 09:00:00.5"}).event["ts"] == "2026-09-01 09:00:00.5+00"


def test_the_id_of_the_api_is_the_uuid(read: Reading) -> None:
    row = sent()
    row["id"] = row.pop("uuid")
    assert read(row).event["id"] == "0198-1"


def test_exports_that_overlap_count_an_event_once(read: Reading) -> None:
    found = read(sent(1), sent(1), sent(1, total_cost_usd=0.0007), sent(2))
    assert (found.counts.events, found.counts.duplicates) == (2, 2)


def test_an_array_of_events_is_read(read: Reading) -> None:
    assert read(sent(1), sent(2), form="json").counts.events == 2


def test_wrong_rows_are_rejected_and_the_others_are_read(read: Reading) -> None:
    wrong = [
        sent(1, input_tokens="many"),
        sent(2, output_tokens=-1),
        sent(3, latency="long"),
        sent(4) | {"properties": '{"$ai_model": '},
        sent(5) | {"properties": None},
        sent(6) | {"timestamp": None},
        sent(7) | {"timestamp": "soon"},
        sent(8, total_cost_usd="free"),
        sent(9, cache_read_input_tokens=[]),
    ]
    found = read(*wrong, sent(99))
    assert (found.counts.events, found.counts.rejected) == (1, len(wrong))
    assert {
        "properties are missing or not JSON; export them as one column, not one for each",
        "timestamp is missing",
        "$ai_latency is not a number",
    } <= {*found.reasons}
