"""Bedrock's invocation log: tokens with the cached ones, latency in all its shapes, never a body."""

from __future__ import annotations

import gzip
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

FOLDER = content("collectors") / "bedrock"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"


def record(request: str = "r1", body: Any = None, **fields: Any) -> dict[str, Any]:
    """Return one record; `input` and `output` are merged over the plain ones."""
    said = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-08-25T17:00:17Z",
        "accountId": "111122223333",
        "identity": {"arn": "arn:aws:iam::111122223333:user/etl"},
        "region": "us-east-1",
        "requestId": request,
        "operation": "Converse",
        "modelId": SONNET,
        "input": {"inputTokenCount": 35, "inputBodyJson": {"messages": ["canary-prompt"]}},
        "output": {"outputTokenCount": 7, "outputBodyJson": body},
    }
    return {name: value for name, value in {**said, **fields}.items() if value is not None}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Return a function from records to what the collector makes of them, in a packed file as S3 holds them."""

    def reading(*records: Any, name: str = "logs/hour.json.gz", **settings: str) -> Read:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in records)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return Read(FOLDER, path.parent, tmp_path / "scratch", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 10, "events": 7, "duplicates": 1, "rejected": 1, "filtered": 1}


def test_the_row_in_real_shape_gives_one_call(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "bedrock.jsonl", tmp_path / "scratch").event
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (2035, 2000, 446)
    assert (event["latency_ms"], event["region"], event["tenant"]) == (3640, "us-west-2", "acme")


def test_cached_tokens_are_added_to_the_input(read: Any) -> None:
    given = {"inputTokenCount": 35, "cacheReadInputTokenCount": 2000, "cacheWriteInputTokenCount": 500}
    event = read(record(input=given)).event
    assert event["input_tokens"] == 2535
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (2000, 500)


@pytest.mark.parametrize(
    ("body", "latency", "first"),
    [
        ({"metrics": {"latencyMs": 3640}}, 3640, None),
        ([{"outputText": "canary"}, {"amazon-bedrock-invocationMetrics": {"invocationLatency": 900}}], 900, None),
        ([{"type": "message_stop", "amazon-bedrock-invocationMetrics":
            {"invocationLatency": 901, "firstByteLatency": 88}}], 901, 88),
        ([{"chunk": {"amazon-bedrock-invocationMetrics": {"invocationLatency": 902}}}], 902, None),
        ([{"messageStart": {}}, {"metadata": {"metrics": {"latencyMs": 903}, "usage": {}}}], 903, None),
        ({"completion": "canary"}, None, None),
        ([], None, None),
        (None, None, None),
        ("text", None, None),
    ],
)  # fmt: skip
def test_latency_is_found_in_objects_and_at_the_end_of_lists(read: Any, body: Any, latency: Any, first: Any) -> None:
    event = read(record(body=body)).event
    assert (event["latency_ms"], event["ttft_ms"]) == (latency, first)


def test_objects_and_lists_may_stand_in_one_file(read: Any) -> None:
    streamed = [{"amazon-bedrock-invocationMetrics": {"invocationLatency": 2}}]
    found = read(record("a", {"metrics": {"latencyMs": 1}}), record("b", streamed))
    assert [event["latency_ms"] for event in found.events] == [1, 2]


def test_a_large_body_in_s3_leaves_the_latency_unknown_and_the_tokens_known(read: Any) -> None:
    event = read(record(output={"outputTokenCount": 3000, "outputBodyS3Path": "s3://bucket/data/x"})).event
    assert (event["output_tokens"], event["latency_ms"]) == (3000, None)


def test_bodies_kept_beside_the_records_are_left_out(read: Any) -> None:
    found = read({"messages": ["canary-prompt"]}, name="logs/data/r1_input.json")
    assert found.left_out == {"body of a call, kept beside the record": 1}
    assert b"canary" not in found.written


@pytest.mark.parametrize(
    "model",
    [
        SONNET,
        f"us.{SONNET}",
        f"eu.{SONNET}",
        f"global.{SONNET}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}",
        f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{SONNET}",
        "apac.amazon.nova-micro-v1:0",
        "jp.anthropic.claude-haiku-4-5-20251001-v1:0",
    ],
)
def test_every_spelling_of_a_model_keeps_its_name_and_has_a_price(read: Any, model: str) -> None:
    event = read(record(modelId=model)).event
    assert event["model"] == model
    assert book.load().resolve(event["provider"], event["model"]) is not None


def test_an_application_profile_is_unpriced_until_its_model_is_named(read: Any) -> None:
    assert book.load().resolve("bedrock", read(record(modelId=PROFILE)).event["model"]) is None


@pytest.mark.parametrize(
    "key", ["abc123", "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"]
)
def test_the_setting_names_what_an_application_profile_runs(read: Any, key: str) -> None:
    arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"
    event = read(record(modelId=arn), profiles=json.dumps({key: SONNET})).event
    assert event["model"] == SONNET


def test_a_setting_that_is_no_object_is_refused_and_not_ignored(read: Any) -> None:
    found = read(record(), profiles="abc123=claude")
    assert found.reasons == ["the setting profiles is not a JSON object of texts"]


def test_the_region_is_where_the_model_ran(read: Any) -> None:
    found = read(record("a", inferenceRegion="us-west-2"), record("b"))
    assert [event["region"] for event in found.events] == ["us-west-2", "us-east-1"]


def test_metadata_names_tenant_intent_session_and_task(read: Any) -> None:
    metadata = {"team": "acme", "for": "triage", "session": "s", "traceId": "t"}
    event = read(record(requestMetadata=metadata), tenant_key="team", intent_key="for", task_key="traceId").event
    found = (event["tenant"], event["intent"], event["session_id"], event["task_id"])
    assert found == ("acme", "triage", "s", "t")


def test_without_metadata_the_account_is_the_tenant(read: Any) -> None:
    assert read(record()).event["tenant"] == "111122223333"


def test_a_failed_call_is_an_event_without_usage(read: Any) -> None:
    event = read(record(errorCode="ThrottlingException", input={}, output={})).event
    assert (event["status"], event["usage_source"]) == ("ThrottlingException", "missing")
    assert event["input_tokens"] is event["output_tokens"] is event["latency_ms"] is None


def test_an_embedding_generates_nothing(read: Any) -> None:
    event = read(record(modelId="amazon.titan-embed-text-v2:0", output={})).event
    assert (event["input_tokens"], event["output_tokens"]) == (35, 0)


def test_the_same_record_in_s3_and_cloudwatch_is_one_call(read: Any) -> None:
    found = read(record(), record(body={"metrics": {"latencyMs": 12}}))
    assert (found.event["latency_ms"], found.counts.duplicates) == (12, 1)


def test_bodies_are_never_read(read: Any) -> None:
    found = read(record(body={"output": "canary-answer", "metrics": {"latencyMs": 1}}), name="logs/hour.json")
    assert len(found.events) == 1
    assert b"canary" not in found.written


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"input": {"inputTokenCount": "many"}}, "input_tokens must be a whole number"),
        ({"input": {"inputTokenCount": 12.7}}, "input_tokens must be a whole number"),
        ({"input": {"inputTokenCount": -3}}, "input_tokens"),
        ({"timestamp": "2026-08-25T17:00:17"}, "no time zone"),
        ({"modelId": None}, "modelId is missing"),
        ({"schemaType": None, "requestId": None, "modelId": None}, "not a record of a model invocation"),
    ],
)
def test_a_bad_record_is_rejected_and_not_lost(read: Any, fields: dict[str, Any], reason: str) -> None:
    line = {name: value for name, value in record(**fields).items() if value is not None}
    for name, value in fields.items():
        if value is None:
            line.pop(name, None)
    found = read(line)
    assert found.counts.rejected == 1
    assert reason in found.reasons[0]


def test_other_records_are_left_out(read: Any) -> None:
    assert read(record(schemaType="GuardrailLog")).left_out == {"not a record of a model invocation": 1}


def test_a_table_converted_to_parquet_with_native_nested_columns(tmp_path: Path) -> None:
    lines, path = tmp_path / "lines.jsonl", tmp_path / "export.parquet"
    lines.write_text(json.dumps(record(body={"metrics": {"latencyMs": 12}}, requestMetadata={"tenant": "acme"})))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_json('{lines}')) TO '{path}' (FORMAT parquet)")
    event = Read(FOLDER, path, tmp_path / "scratch").event
    assert (event["input_tokens"], event["latency_ms"], event["tenant"]) == (35, 12, "acme")
