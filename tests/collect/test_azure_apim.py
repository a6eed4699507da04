"""API Management's gateway logs: tokens from one table, latency from the other, split messages once."""

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

FOLDER = content("collectors") / "azure-apim"


def llm(correlation: str = "c1", **fields: Any) -> dict[str, Any]:
    said = {
        "Type": "ApiManagementGatewayLlmLog",
        "TimeGenerated": "2026-08-25T17:00:00.123Z",
        "CorrelationId": correlation,
        "RequestId": "r1",
        "ModelName": "gpt-4o",
        "DeploymentName": "chat",
        "PromptTokens": 120,
        "CompletionTokens": 40,
        "TotalTokens": 160,
        "SequenceNumber": 0,
        "Region": "West Europe",
        "RequestMessages": "canary-prompt",
    }
    return {name: value for name, value in {**said, **fields}.items() if value is not None}


def gateway(correlation: str = "c1", **fields: Any) -> dict[str, Any]:
    said = {
        "Type": "ApiManagementGatewayLogs",
        "TimeGenerated": "2026-08-25T17:00:00.100Z",
        "CorrelationId": correlation,
        "TotalTime": 2310,
        "ResponseCode": 200,
        "ApimSubscriptionId": "app",
        "ProductId": "product",
        "ApiId": "openai",
        "OperationId": "chat",
        "UserId": "u1",
        "BackendUrl": "https://example.openai.azure.com/openai?key=canary-key",
        "CallerIpAddress": "canary-address",
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
    assert checked.counts == {"rows_in": 12, "events": 6, "duplicates": 1, "rejected": 1, "filtered": 4}


def test_latency_is_joined_from_the_gateway_log_and_its_row_left_out(read: Any) -> None:
    found = read(gateway(), llm())
    event = found.event
    assert (event["latency_ms"], event["status"], event["tenant"], event["user_id"]) == (2310, "200", "app", "u1")
    assert found.left_out == {"gateway log, joined for its latency": 1}


def test_without_the_gateway_log_the_latency_is_unknown(read: Any) -> None:
    event = read(llm()).event
    assert event["latency_ms"] is event["status"] is None
    assert event["tenant"] == "unknown"


def test_parts_of_one_message_are_one_call(read: Any) -> None:
    bare = {"ModelName": "", "DeploymentName": "", "PromptTokens": 0, "CompletionTokens": 0, "TotalTokens": 0}
    found = read(llm(SequenceNumber=2, **bare), llm(SequenceNumber=0), llm(SequenceNumber=1, **bare))
    assert (found.event["input_tokens"], found.event["output_tokens"]) == (120, 40)
    assert found.counts.duplicates == 2


def test_parts_that_repeat_the_tokens_are_not_added_up(read: Any) -> None:
    found = read(llm(SequenceNumber=0), llm(SequenceNumber=1), llm(SequenceNumber=2))
    assert found.event["input_tokens"] == 120
    assert found.counts.duplicates == 2


def test_the_tokens_may_stand_on_a_later_part(read: Any) -> None:
    found = read(llm(PromptTokens=None, CompletionTokens=None, TotalTokens=None), llm(SequenceNumber=1, ModelName=None))
    assert (found.event["input_tokens"], found.event["model"]) == (120, "chat")


def test_a_part_without_request_id_belongs_to_the_call(read: Any) -> None:
    found = read(llm(), llm(SequenceNumber=1, RequestId=None, PromptTokens=0, CompletionTokens=0, TotalTokens=0))
    assert found.event["id"] == "c1"
    assert found.counts.duplicates == 1


def test_two_tries_of_one_request_are_two_calls_and_neither_has_the_whole_time(read: Any) -> None:
    found = read(llm(RequestId="a"), llm(RequestId="b", CompletionTokens=9, TotalTokens=129), gateway())
    assert [event["id"] for event in found.events] == ["c1|a", "c1|b"]
    assert {event["latency_ms"] for event in found.events} == {None}


def test_no_tokens_at_all_are_unknown_not_free(read: Any) -> None:
    event = read(llm(PromptTokens=0, CompletionTokens=0, TotalTokens=0)).event
    assert event["input_tokens"] is event["output_tokens"] is event["total_tokens"] is None
    assert event["usage_source"] == "missing"


def test_the_deployment_stands_in_for_a_missing_model(read: Any) -> None:
    assert read(llm(ModelName="")).event["model"] == "chat"


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini"])
def test_models_have_a_price(read: Any, model: str) -> None:
    event = read(llm(ModelName=model)).event
    assert book.load().resolve(event["provider"], event["model"]) is not None


@pytest.mark.parametrize(("source", "tenant"), [("product", "product"), ("api", "openai"), ("user", "u1")])
def test_the_setting_says_what_the_tenant_is(read: Any, source: str, tenant: str) -> None:
    assert read(llm(), gateway(), tenant_from=source).event["tenant"] == tenant


def test_an_answer_from_the_gateways_cache_is_told(read: Any) -> None:
    found = read(llm("a"), gateway("a", Cache="hit"), llm("b"), gateway("b", Cache="none"))
    assert [event["cache_hit"] for event in found.events] == [True, None]


def test_requests_that_called_no_model_and_logs_without_tokens_are_left_out(read: Any) -> None:
    found = read(gateway("x"), {"category": "RequestResponse", "correlationId": "y", "time": "2026-08-25T17:00:00Z"})
    assert found.left_out == {
        "gateway log of a request without tokens": 1,
        "log of Azure OpenAI, which holds no tokens": 1,
    }


def storage(row: dict[str, Any], nested: bool) -> dict[str, Any]:
    """Return a row as a diagnostic setting writes it to storage."""
    camel = {name[0].lower() + name[1:]: value for name, value in row.items() if name not in ("Type", "TimeGenerated")}
    outer = {"time": row["TimeGenerated"], "category": row["Type"].removeprefix("ApiManagement")}
    inner = {name: value for name, value in camel.items() if name != "correlationId"}
    return {**outer, "correlationId": camel["correlationId"], **({"properties": inner} if nested else inner)}


@pytest.mark.parametrize("nested", [True, False])
def test_both_spellings_and_properties_nested_or_flat_give_the_same(tmp_path: Path, nested: bool) -> None:
    rows = [llm(), gateway()]
    plain, other = tmp_path / "plain.jsonl", tmp_path / "other.jsonl"
    plain.write_text("".join(json.dumps(row) + "\n" for row in rows))
    other.write_text("".join(json.dumps(storage(row, nested)) + "\n" for row in rows))
    assert Read(FOLDER, plain, tmp_path / "a").events == Read(FOLDER, other, tmp_path / "b").events


def test_the_portals_csv_is_read_with_its_times(tmp_path: Path) -> None:
    path = tmp_path / "query_data.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["TimeGenerated [UTC]", "CorrelationId", "ModelName", "PromptTokens", "CompletionTokens"])
        writer.writerow(["8/25/2026, 5:00:00.123 PM", "c1", "gpt-4o", "120", "40"])
        writer.writerow(["8/25/2026, 9:05:00 AM", "c2", "gpt-4o", "1", "2"])
        writer.writerow(["2026-08-25T17:00:00.5Z", "c3", "gpt-4o", "1", "2"])
    found = Read(FOLDER, path, tmp_path / "scratch")
    times = [event["ts"].split("+")[0] for event in found.events]
    assert times == ["2026-08-25 09:05:00", "2026-08-25 17:00:00.123", "2026-08-25 17:00:00.5"]


def test_a_json_array_from_the_command_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "llm.json"
    path.write_text(json.dumps([llm(TableName="PrimaryResult"), gateway()], indent=2))
    assert Read(FOLDER, path, tmp_path / "scratch").event["latency_ms"] == 2310


def test_parquet_with_native_nested_properties_is_read(tmp_path: Path) -> None:
    lines, path = tmp_path / "lines.jsonl", tmp_path / "export.parquet"
    lines.write_text("".join(json.dumps(storage(row, True)) + "\n" for row in (llm(), gateway())))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_json('{lines}')) TO '{path}' (FORMAT parquet)")
    event = Read(FOLDER, path, tmp_path / "scratch").event
    assert (event["input_tokens"], event["latency_ms"]) == (120, 2310)


def test_messages_addresses_and_keys_are_not_kept(read: Any) -> None:
    found = read(llm(), gateway())
    assert found.event["endpoint"] == "example.openai.azure.com"
    assert "canary" not in json.dumps(found.events)
    assert b"canary-prompt" not in found.written
    assert b"canary-address" not in found.written


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (llm(PromptTokens="many"), "input_tokens must be a whole number"),
        (llm(PromptTokens=-5), "input_tokens"),
        (llm(TimeGenerated=None), "ts"),
        (llm(TimeGenerated="2026-08-25T17:00:00"), "no time zone"),
        ({**llm(), "CorrelationId": None}, "CorrelationId is missing"),
        ({"a": 1}, "neither a row of"),
    ],
)
def test_a_bad_row_is_rejected_and_not_lost(read: Any, row: Any, reason: str) -> None:
    found = read(row)
    assert (found.counts.events, found.counts.rejected) == (0, 1)
    assert reason in found.reasons[0]
