"""OpenTelemetry GenAI spans: calls of models, each once, whatever dialect the emitter speaks."""

from __future__ import annotations

import base64
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

FOLDER = content("collectors") / "opentelemetry"
START = 1_788_253_200_000_000_000  # 2026-09-01T09:00:00Z
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    def wrapped(value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        if isinstance(value, float):
            return {"doubleValue": value}
        return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}

    return [{"key": key, "value": wrapped(value)} for key, value in values.items()]


def span(number: int = 1, values: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "traceId": f"{7:032x}",
        "spanId": f"{0xAB00000000000000 + number:016x}",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 1_200_500_000),
        "attributes": attributes(CHAT if values is None else values),
        **fields,
    }


def request(*spans: dict[str, Any], **resource: Any) -> dict[str, Any]:
    named = {name.replace("_", "."): value for name, value in resource.items()}
    return {"resourceSpans": [{"resource": {"attributes": attributes(named)}, "scopeSpans": [{"spans": list(spans)}]}]}


def without(*names: str, **fields: Any) -> dict[str, Any]:
    return {name: value for name, value in CHAT.items() if name not in names} | fields


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Return a function from lines to what the collector makes of them."""

    def reading(*lines: Any, **settings: str) -> Read:
        path = tmp_path / "traces.jsonl"
        path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
        return Read(FOLDER, path, tmp_path / "scratch", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 17, "events": 8, "duplicates": 2, "rejected": 3, "filtered": 4}


def test_the_shape_of_the_collectors_file_exporter_is_read(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "otlp.jsonl", tmp_path / "scratch", {}).event
    assert event["id"] == "eee19b7ec3c1b174"
    assert event["tenant"] == "checkout"
    assert event["region"] == "us-east-1"
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (100, 80, 20)
    assert event["latency_ms"] == 1200.0


def test_current_names_fill_the_event(read: Any) -> None:
    values = {
        **CHAT,
        "gen_ai.conversation.id": "talk",
        "gen_ai.agent.id": "agent-1",
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "server.address": "api.openai.com",
    }
    event = read(
        request(span(1, values, parentSpanId="00000000000000ff"), service_name="shop", cloud_region="eu")
    ).event
    assert event["ts"].startswith("2026-09-01 09:00:00")
    assert event["latency_ms"] == 1200.5
    assert event["ttft_ms"] == 250.0
    assert (event["session_id"], event["task_id"], event["agent_id"]) == ("talk", f"{7:032x}", "agent-1")
    assert event["parent_id"] == "00000000000000ff"
    assert (event["endpoint"], event["region"], event["tenant"]) == ("api.openai.com", "eu", "shop")
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (60, 30)
    assert event["reasoning_output_tokens"] == 5
    assert event["input_tokens"] == 100


def test_legacy_names_are_understood(read: Any) -> None:
    values = {
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 40,
        "gen_ai.usage.completion_tokens": 2,
        "gen_ai.usage.cache_read_input_tokens": 10,
        "gen_ai.usage.cache_write.input_tokens": 20,
        "llm.request.type": "completion",
    }
    event = read(request(span(1, values))).event
    assert (event["provider"], event["model"], event["operation"]) == ("openai", "gpt-4o", "text_completion")
    assert (event["input_tokens"], event["output_tokens"]) == (40, 2)
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (10, 20)


def test_the_current_name_wins_over_the_legacy_one(read: Any) -> None:
    values = {**CHAT, "gen_ai.usage.prompt_tokens": 999, "gen_ai.system": "other", "gen_ai.request.model": "alias"}
    event = read(request(span(1, values))).event
    assert (event["input_tokens"], event["provider"], event["model"]) == (100, "openai", "gpt-4o-2024-08-06")


def test_counts_come_as_strings_numbers_or_doubles(read: Any) -> None:
    shapes = [{"intValue": "100"}, {"intValue": 100}, {"doubleValue": 100.0}, {"stringValue": "100"}]
    spans = [span(n, {**CHAT, "gen_ai.usage.input_tokens": shape}) for n, shape in enumerate(shapes)]
    assert [event["input_tokens"] for event in read(request(*spans)).events] == [100] * 4


def test_times_come_as_strings_or_numbers(read: Any) -> None:
    event = read(request(span(1, startTimeUnixNano=START, endTimeUnixNano=START + 1_000_000))).event
    assert event["latency_ms"] == 1.0


def test_ids_in_base64_give_the_same_event_as_ids_in_hex(read: Any) -> None:
    plain = span(1, parentSpanId="00000000000000ff")
    coded = plain | {
        name: base64.b64encode(bytes.fromhex(plain[name])).decode() for name in ("traceId", "spanId", "parentSpanId")
    }
    found = read(request(plain), request(coded))
    assert found.event["id"] == plain["spanId"]
    assert found.event["task_id"] == plain["traceId"]
    assert found.event["parent_id"] == "00000000000000ff"
    assert found.counts.duplicates == 1


def test_keys_in_snake_case_are_read(read: Any) -> None:
    def snake(value: Any) -> Any:
        if isinstance(value, dict):
            return {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): snake(part) for key, part in value.items()}
        return [snake(part) for part in value] if isinstance(value, list) else value

    event = read(snake(request(span(1), service_name="mobile"))).event
    assert (event["input_tokens"], event["tenant"], event["latency_ms"]) == (100, "mobile", 1200.5)


def test_spans_that_sum_up_calls_are_left_out(read: Any) -> None:
    kinds = ["create_agent", "execute_tool", "invoke_agent"]
    found = read(request(*(span(n, {**CHAT, "gen_ai.operation.name": kind}) for n, kind in enumerate(kinds)), span(9)))
    assert found.counts.events == 1
    assert found.left_out == {f"operation {kind} is no call of a model": 1 for kind in kinds}


def test_calls_of_models_are_kept(read: Any) -> None:
    kinds = ["chat", "embeddings", "generate_content", "text_completion"]
    found = read(request(*(span(n, {**CHAT, "gen_ai.operation.name": kind}) for n, kind in enumerate(kinds))))
    assert [event["operation"] for event in found.events] == kinds


def test_spans_of_other_kinds_are_left_out(read: Any) -> None:
    found = read(request(span(1, {"http.request.method": "POST"}), span(2, {}), span(3)))
    assert found.counts.events == 1
    assert found.left_out == {"not a GenAI span": 2}


def test_one_call_seen_by_two_instrumentations_is_one_event(read: Any) -> None:
    seen = {**CHAT, "gen_ai.response.id": "chatcmpl-1"}
    outer = span(1, seen, endTimeUnixNano=str(START + 2_000_000_000))
    found = read(request(outer, span(2, seen, parentSpanId=outer["spanId"])))
    assert found.event["latency_ms"] == 1200.5
    assert found.counts.duplicates == 1


def test_two_calls_with_one_response_id_but_other_usage_stay_two(read: Any) -> None:
    first = {**CHAT, "gen_ai.response.id": "same"}
    assert read(request(span(1, first), span(2, {**first, "gen_ai.usage.input_tokens": 7}))).counts.events == 2


def test_a_span_that_is_exported_twice_is_one_event(read: Any) -> None:
    unfinished = span(1, {**CHAT, "gen_ai.response.id": "r"}, endTimeUnixNano="0")
    found = read(request(unfinished), request(span(1)), request(span(1)))
    assert found.event["latency_ms"] == 1200.5
    assert found.counts.duplicates == 2


def test_embeddings_generate_nothing(read: Any) -> None:
    values = without("gen_ai.usage.output_tokens", **{"gen_ai.operation.name": "embeddings"})
    event = read(request(span(1, values))).event
    assert (event["output_tokens"], event["usage_source"]) == (0, "reported")


def test_a_failed_call_without_usage_has_unknown_tokens_and_its_error(read: Any) -> None:
    values = without("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", **{"error.type": "timeout"})
    event = read(request(span(1, values, status={"code": 2}))).event
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (None, None, "missing")
    assert event["status"] == "timeout"


def test_the_status_of_the_span_is_the_status_of_the_call(read: Any) -> None:
    statuses = [{"code": 2}, {"code": "STATUS_CODE_ERROR"}, {"code": 1}, {}]
    found = read(request(*(span(n, status=status) for n, status in enumerate(statuses))))
    assert [event["status"] for event in found.events] == ["error", "error", "ok", "ok"]


def test_more_cached_than_input_tokens_is_rejected_with_the_way_out(read: Any) -> None:
    values = {**CHAT, "gen_ai.usage.cache_read.input_tokens": 5000}
    found = read(request(span(1, values), span(2)))
    assert found.counts.rejected == 1
    assert "input_excludes_cache=true" in found.reasons[0]


def test_cached_tokens_are_added_where_the_emitter_leaves_them_out(read: Any) -> None:
    values = {**CHAT, "gen_ai.usage.cache_read.input_tokens": 5000}
    assert read(request(span(1, values)), input_excludes_cache="true").event["input_tokens"] == 5100


def test_tenant_and_intent_come_from_the_configured_attributes(read: Any) -> None:
    values = {**CHAT, "app.team": "search", "app.use": "rank"}
    event = read(
        request(span(1, values), service_name="shop"), tenant_attribute="app.team", intent_attribute="app.use"
    ).event
    assert (event["tenant"], event["intent"]) == ("search", "rank")


def test_without_the_configured_attributes_tenant_is_the_service_and_intent_the_setting(read: Any) -> None:
    event = read(request(span(1), service_name="shop"), tenant_attribute="app.team", intent="support").event
    assert (event["tenant"], event["intent"]) == ("shop", "support")
    assert event["region"] == "unknown"


def test_wrong_spans_are_rejected_by_name_and_the_others_are_read(read: Any) -> None:
    wrong = [
        {"attributes": attributes({**CHAT, "gen_ai.usage.input_tokens": "many"})},
        {"attributes": attributes({**CHAT, "gen_ai.usage.output_tokens": 1.5})},
        {"spanId": ""},
        {"startTimeUnixNano": "0"},
        {"startTimeUnixNano": "2026-09-01"},
    ]
    found = read(request(*(span(n, **fields) for n, fields in enumerate(wrong)), span(9)))
    assert (found.counts.events, found.counts.rejected) == (1, 5)
    assert found.reasons == [
        "span ab00000000000000: gen_ai.usage.input_tokens is not a whole number",
        "span ab00000000000001: gen_ai.usage.output_tokens is not a whole number",
        "span ab00000000000003: startTimeUnixNano is missing or not nanoseconds",
        "span ab00000000000004: startTimeUnixNano is missing or not nanoseconds",
        "span without id: spanId is missing",
    ]


def test_a_span_that_ends_before_it_starts_has_no_latency(read: Any) -> None:
    assert read(request(span(1, endTimeUnixNano=str(START - 1)))).event["latency_ms"] is None


def test_a_cost_that_an_emitter_states_is_kept(read: Any) -> None:
    event = read(request(span(1, {**CHAT, "gen_ai.usage.cost": 0.00067}))).event
    assert (event["cost_usd"], event["cost_source"]) == (Decimal("0.00067"), "reported")


def test_lines_without_spans_are_accounted_for(read: Any) -> None:
    lines = [{"resourceMetrics": []}, {"resourceSpans": []}, request(), {"resourceSpans": "odd"}, request(span(1))]
    found = read(*lines, '{"resourceSpans": [{\n')
    assert found.counts.events == 1
    assert found.counts.filtered == 4
    assert found.counts.rejected == 1


def test_attributes_of_odd_shapes_do_not_break_the_reading(read: Any) -> None:
    odd = [
        *attributes(CHAT),
        {"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
        {"key": "b", "value": {"kvlistValue": {"values": []}}},
        {"key": "c", "value": {}},
        {"key": "d"},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"value": {"stringValue": "nameless"}},
    ]
    assert read(request(span(1, attributes=odd), service_name={"boolValue": True})).event["input_tokens"] == 100


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_requests_is_read_as_lines_are(read: Any, indent: int | None) -> None:
    found = read(json.dumps([request(span(1)), request(span(2))], indent=indent) + "\n")
    assert (found.counts.rows_in, found.counts.events) == (2, 2)


def test_a_request_over_several_lines_is_read(read: Any) -> None:
    found = read(json.dumps(request(span(1), span(2)), indent=2) + "\n")
    assert (found.counts.rows_in, found.counts.events) == (2, 2)


def test_a_first_line_cut_short_costs_that_line_alone(read: Any) -> None:
    found = read('{"resourceSpans": [\n', request(span(1)))
    assert (found.counts.events, found.counts.rejected) == (1, 1)
