"""Databricks' system tables: the gateway's calls, and classic endpoints with name and latency joined."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.prices import book
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "databricks"


def call(invocation: str = "inv-1", **fields: Any) -> dict[str, Any]:
    said = {
        "event_time": "2026-08-25T17:03:11.120Z",
        "request_id": f"req-{invocation}",
        "invocation_id": invocation,
        "workspace_id": "1602",
        "endpoint_name": "support",
        "api_type": "anthropic/v1/messages",
        "destination_type": "EXTERNAL_FOUNDATION_MODEL",
        "destination_name": "main.ai.anthropickey",
        "destination_model": "claude-sonnet-4-5",
        "requester": "ana@example.com",
        "status_code": 200,
        "latency_ms": 2310,
        "time_to_first_byte_ms": 640,
        "input_tokens": 1825,
        "output_tokens": 92,
        "total_tokens": 1917,
        "request": "canary-prompt",
    }
    return {**said, **fields}


def hosted(invocation: str = "inv-1", **fields: Any) -> dict[str, Any]:
    return call(
        invocation,
        **{
            "api_type": "mlflow/v1/chat/completions",
            "destination_type": "PAY_PER_TOKEN_FOUNDATION_MODEL",
            "destination_name": "system.ai.gpt-oss-20b",
            "destination_model": "gpt-oss-20b",
            **fields,
        },
    )


def classic(request: str = "dbx-1", **fields: Any) -> dict[str, Any]:
    said = {
        "request_time": "2026-08-25T18:00:00Z",
        "databricks_request_id": request,
        "workspace_id": "1602",
        "requester": "svc",
        "status_code": 200,
        "served_entity_id": "e1",
        "input_token_count": 400,
        "output_token_count": 60,
    }
    return {**said, **fields}


def entity(**fields: Any) -> dict[str, Any]:
    said = {
        "change_time": "2026-01-01T00:00:00Z",
        "served_entity_id": "e1",
        "endpoint_name": "ops",
        "entity_name": "gpt-4",
        "entity_type": "EXTERNAL_MODEL",
        "task": "llm/v1/chat",
        "external_model_config": {"provider": "openai"},
    }
    return {**said, **fields}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*rows: Any, **settings: str) -> Read:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Read(FOLDER, path, tmp_path / "scratch", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 14, "events": 7, "duplicates": 0, "rejected": 1, "filtered": 6}


def test_the_rows_in_real_shape_give_their_calls(shared_data: Path, tmp_path: Path) -> None:
    found = Read(FOLDER, shared_data / "source_samples" / "dbx_gw.jsonl", tmp_path / "scratch")
    external, failed = found.events
    assert (external["provider"], external["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert (external["input_tokens"], external["cache_read_input_tokens"]) == (1825, 1812)
    assert (failed["model"], failed["status"], failed["usage_source"]) == ("gpt-oss-20b", "403", "missing")


def test_input_includes_cached_tokens_even_for_claude(read: Any) -> None:
    details = {"cache_read_input_tokens": 1500, "cache_creation_input_tokens": 300, "output_reasoning_tokens": 11}
    event = read(call(token_details=details)).event
    assert (event["input_tokens"], event["total_tokens"]) == (1825, 1917)
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (1500, 300)
    assert event["reasoning_output_tokens"] == 11


def test_an_external_models_destination_name_is_a_credential_and_never_the_model(read: Any) -> None:
    event = read(call()).event
    assert (event["provider"], event["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert "anthropickey" not in json.dumps(event)


def test_the_unified_api_says_nothing_about_who_answers_an_external_call(read: Any) -> None:
    event = read(call(api_type="mlflow/v1/chat/completions")).event
    assert event["provider"] == "unknown"
    assert book.load().resolve(event["provider"], event["model"]) is not None


@pytest.mark.parametrize("label", ["gpt-oss-20b", "GPT OSS 20B", None])
def test_a_hosted_model_keeps_one_name_whatever_its_label(read: Any, label: str | None) -> None:
    event = read(hosted(destination_model=label)).event
    assert (event["provider"], event["model"]) == ("databricks", "gpt-oss-20b")
    assert book.load().resolve(event["provider"], event["model"]) is not None


def test_a_failed_call_is_an_event_without_usage(read: Any) -> None:
    event = read(call(status_code=429, input_tokens=None, output_tokens=None, total_tokens=None)).event
    assert (event["status"], event["usage_source"], event["latency_ms"]) == ("429", "missing", 2310)
    assert event["input_tokens"] is event["output_tokens"] is None


@pytest.mark.parametrize("service", ["MCP", "MCP_SERVICE", "mcp-server"])
def test_mcp_rows_are_left_out(read: Any, service: str) -> None:
    found = read(call("a"), call("b", service_type=service), call("c", service_type="MODEL_SERVING"))
    assert len(found.events) == 2
    assert found.left_out == {"MCP server, no tokens of a model": 1}


def test_several_invocations_of_one_request_are_a_fallback(read: Any) -> None:
    first = call("a", request_id="r", event_time="2026-08-25T17:00:00Z", status_code=500)
    second = hosted("b", request_id="r", event_time="2026-08-25T17:00:01Z")
    found = read(second, first, call("c"))
    tries = {event["id"]: (event["attempt"], event["fallback_used"]) for event in found.events}
    assert tries == {"a": (1, False), "b": (2, True), "c": (1, False)}


@pytest.mark.parametrize("as_text", [True, False])
def test_tags_name_job_pipeline_tenant_and_intent(read: Any, as_text: bool) -> None:
    tags = {"team": "support", "job_id": "812", "pipeline_id": "nightly", "intent": "triage", "session_id": "s"}
    event = read(call(request_tags=json.dumps(tags) if as_text else tags)).event
    found = tuple(event[name] for name in ("tenant", "task_id", "agent_id", "intent", "session_id"))
    assert found == ("support", "812", "nightly", "triage", "s")


def test_settings_name_other_tags(read: Any) -> None:
    tags = {"cost_center": "c-1", "run": "r-1", "bot": "b-1", "step": "rank"}
    keys = {"tenant_tag": "cost_center", "task_tag": "run", "agent_tag": "bot", "operation_tag": "step"}
    event = read(call(request_tags=tags), **keys).event
    found = tuple(event[name] for name in ("tenant", "task_id", "agent_id", "operation"))
    assert found == ("c-1", "r-1", "b-1", "rank")


def test_without_tags_the_workspace_is_the_tenant_and_nothing_is_made_up(read: Any) -> None:
    event = read(call()).event
    assert (event["tenant"], event["user_id"], event["endpoint"]) == ("1602", "ana@example.com", "support")
    assert event["task_id"] is event["agent_id"] is event["session_id"] is None


def test_a_classic_call_has_no_endpoint_name_nor_latency_of_its_own(read: Any) -> None:
    event = read(classic()).event
    assert (event["endpoint"], event["latency_ms"], event["model"]) == ("unknown", None, "unknown")


def test_the_latest_change_of_the_entity_names_endpoint_and_model(read: Any) -> None:
    found = read(
        entity(change_time="2026-07-01T00:00:00Z", endpoint_name="new"),
        classic(),
        entity(endpoint_name="old", entity_name="gpt-3.5-turbo"),
        entity(change_time="2026-03-01T00:00:00+00:00", endpoint_name="between"),
    )
    event = found.event
    assert (event["endpoint"], event["provider"], event["model"]) == ("new", "openai", "gpt-4")
    assert event["operation"] == "llm/v1/chat"
    assert found.left_out == {"served entity, joined for the name of its endpoint": 3}


@pytest.mark.parametrize("column", ["execution_duration_ms", "execution_time_ms"])
def test_latency_is_joined_from_the_inference_table(read: Any, column: str) -> None:
    inference = {"databricks_request_id": "dbx-1", "request_time": "2026-08-25T18:00:00Z", column: 1875}
    other = {**inference, "databricks_request_id": "elsewhere"}
    found = read(inference, other, classic(), classic("dbx-2"))
    assert {event["id"]: event["latency_ms"] for event in found.events} == {"dbx-1": 1875, "dbx-2": None}
    assert found.left_out == {
        "inference table, joined for its latency": 1,
        "inference table without a row of endpoint_usage": 1,
    }


def test_counts_that_are_made_of_characters_are_estimates(read: Any) -> None:
    said = classic("a", input_token_count=25, input_character_count=99, output_token_count=5, output_character_count=19)
    found = read(said, {**said, "databricks_request_id": "b", "input_token_count": 31})
    assert [event["usage_source"] for event in found.events] == ["estimated", None]


@pytest.mark.parametrize(
    "row",
    [
        hosted(destination_type="PROVISIONED_THROUGHPUT_FOUNDATION_MODEL"),
        hosted(destination_type="CUSTOM_MODEL"),
    ],
)
def test_what_is_billed_by_the_hour_gets_no_price_per_token(read: Any, row: dict[str, Any]) -> None:
    event = read(row).event
    assert book.load().resolve(event["provider"], event["model"]) is None


def test_a_classic_endpoint_with_provisioned_throughput_gets_no_price_per_token(read: Any) -> None:
    model = {"entity_name": "system.ai.llama-4-maverick", "entity_type": "FOUNDATION_MODEL"}
    paid = entity(**model, external_model_config=None)
    reserved = entity(
        **model,
        external_model_config=None,
        served_entity_id="e2",
        foundation_model_config={"max_provisioned_throughput": 980},
    )
    found = read(paid, reserved, classic("a"), classic("b", served_entity_id="e2"))
    priced = {event["id"]: book.load().resolve(event["provider"], event["model"]) for event in found.events}
    assert priced["a"] is not None
    assert priced["b"] is None


def test_one_call_in_both_tables_counts_once(read: Any) -> None:
    found = read(call(request_id="same"), classic("same"))
    assert found.event["id"] == "inv-1"
    assert found.left_out == {"also in system.ai_gateway.usage": 1}


def test_feature_serving_is_left_out(read: Any) -> None:
    found = read(entity(entity_type="FEATURE_SPEC"), classic())
    assert found.events == []
    assert found.left_out["feature serving, not a model"] == 1


def test_a_row_that_was_fetched_twice_is_one_call(read: Any) -> None:
    found = read(call(), call(), classic(), classic())
    assert (len(found.events), found.counts.duplicates) == (2, 2)


ROWS = [
    call(request_tags={"team": "support", "job_id": "812"}, token_details={"cache_read_input_tokens": 1812}),
    entity(),
    classic(usage_context={"team": "ops"}),
    {"databricks_request_id": "dbx-1", "request_time": "2026-08-25T18:00:00Z", "execution_duration_ms": 1875},
]


def expected(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("id", "tenant", "task_id", "input_tokens", "cache_read_input_tokens", "latency_ms", "endpoint")
    return [tuple(event[name] for name in names) for event in events]


def test_parquet_with_native_maps_and_structs_gives_the_same(read: Any, tmp_path: Path) -> None:
    plain = read(*ROWS)
    folder = tmp_path / "parquet"
    folder.mkdir()
    with duckdb.connect() as connection:
        for number, row in enumerate(ROWS):
            lines = tmp_path / "line.json"
            lines.write_text(json.dumps(row))
            # Delta tables have MAP and TIMESTAMP columns, not text.
            maps = [name for name in ("request_tags", "usage_context") if name in row]
            typed = ", ".join(
                [f"{name}::JSON::MAP(VARCHAR, VARCHAR) AS {name}" for name in maps]
                + [f"{name}::TIMESTAMPTZ AS {name}" for name in row if name.endswith("_time")]
            )
            connection.execute(
                f"COPY (SELECT * REPLACE ({typed}) FROM read_json('{lines}')) "
                f"TO '{folder}/{number}.parquet' (FORMAT parquet)"
            )
    found = Read(FOLDER, folder, tmp_path / "scratch-2")
    assert expected(found.events) == expected(plain.events)
    assert expected(found.events)[0] == ("inv-1", "support", "812", 1825, 1812, 2310, "support")


def test_csv_gives_the_same(read: Any, tmp_path: Path) -> None:
    plain = read(*ROWS)
    names = sorted({name for row in ROWS for name in row})
    path = tmp_path / "export.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(
            {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
            for row in ROWS
        )
    assert expected(Read(FOLDER, path, tmp_path / "scratch-2").events) == expected(plain.events)


@pytest.mark.parametrize(
    "spelled", ["2026-08-25 17:03:11.120000", "2026-08-25T17:03:11.12", "2026-08-25T17:03:11.120Z"]
)
def test_times_that_a_notebook_writes_without_a_zone_are_utc(read: Any, spelled: str) -> None:
    assert read(call(event_time=spelled)).event["ts"].startswith("2026-08-25 17:03:11.12+00")


def test_a_classic_call_knows_no_attempt_and_its_provider_in_small_letters(read: Any) -> None:
    event = read(classic(), entity(external_model_config={"provider": "OPENAI"})).event
    assert (event["attempt"], event["fallback_used"], event["provider"]) == (None, None, "openai")


def test_times_without_a_zone_can_be_left_to_the_zone_of_the_user(read: Any) -> None:
    found = read(call(event_time="2026-08-25T17:03:11"), naive_times="tz")
    assert "no time zone" in found.reasons[0]


@pytest.mark.parametrize(
    ("tags", "details"),
    [
        (
            "{'team': 'support', 'intent': None, 'job_id': '7'}",
            "Row(cache_read_input_tokens=1500, cache_creation_input_tokens=None, output_reasoning_tokens=11)",
        ),
        (
            "[('team', 'support'), ('job_id', '7')]",
            "{'cache_read_input_tokens': 1500.0, 'cache_creation_input_tokens': None, 'output_reasoning_tokens': 11}",
        ),
        ([["team", "support"], ["job_id", "7"]], {"cache_read_input_tokens": 1500, "output_reasoning_tokens": 11}),
    ],
)
def test_maps_and_structs_are_read_as_pandas_writes_them(read: Any, tags: Any, details: Any) -> None:
    event = read(call(request_tags=tags, token_details=details)).event
    assert (event["tenant"], event["intent"], event["task_id"]) == ("support", "unknown", "7")
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (1500, None)
    assert event["reasoning_output_tokens"] == 11


def test_requests_and_responses_are_not_read(read: Any) -> None:
    found = read(call(), classic(response="canary-answer"))
    assert b"canary" not in found.written


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (call(input_tokens="many"), "input_tokens must be a whole number"),
        (call(latency_ms=-1), "latency_ms"),
        (call(event_time="2026-08-25"), "no time zone"),
        (call(invocation_id=None), "invocation_id is missing"),
        (call(token_details="{cut"), "token_details is not JSON"),
        ({"other": 1}, "none of the tables"),
        (classic(request_time=None), "ts"),
        (call(token_details={"cache_read_input_tokens": 5000}), "cache"),
    ],
)
def test_a_bad_row_is_rejected_and_not_lost(read: Any, row: dict[str, Any], reason: str) -> None:
    found = read(row)
    assert (found.counts.events, found.counts.rejected) == (0, 1)
    assert reason in found.reasons[0]
