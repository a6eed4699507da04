"""Spans and figures by OpenTelemetry's conventions, sent by its own exporter to a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.gateway.seen.calls import call, outcome, row
from tokenop.gateway.seen import traces

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """An OTLP endpoint: keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[str, bytes]] = []

    def spans(self) -> list[Any]:
        requests = [ExportTraceServiceRequest.FromString(body) for path, body in self.came if path == "/v1/traces"]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, Any]:
        requests = [ExportMetricsServiceRequest.FromString(body) for path, body in self.came if path == "/v1/metrics"]
        return {
            metric.name: metric
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def sent(collector: Collector, *ends: Any) -> list[Any]:
    traced = traces.over_http({"OTEL_EXPORTER_OTLP_ENDPOINT": "set"})
    for one, end in ends:
        traced.began(one)
        traced.ended(one, end)
    traced.close()
    return collector.spans()


def told(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_call_is_a_span_with_one_for_each_attempt(collector: Collector) -> None:
    failed = row(status="429", provider="ollama", ts="2026-11-22T12:00:00.000100Z", latency_ms=10.0)
    spans = sent(collector, (call(), outcome(failed, row(ts="2026-11-22T12:00:00.010200Z", cache_read_input_tokens=4))))
    outer = next(span for span in spans if span.kind == span.SPAN_KIND_SERVER)
    first, second = sorted((span for span in spans if span is not outer), key=lambda span: span.start_time_unix_nano)
    assert {first.parent_span_id, second.parent_span_id} == {outer.span_id}
    assert (second.name, told(second)["gen_ai.provider.name"]) == ("chat llama", "groq")
    assert told(second)["gen_ai.usage.input_tokens"] == 12
    assert told(second)["gen_ai.usage.cache_read.input_tokens"] == 4
    assert told(first)["error.type"] == "429"
    assert first.status.code == first.status.STATUS_CODE_ERROR
    assert told(outer)["tokenop.tier"] == "T2"


def test_spans_have_the_times_that_the_calls_had(collector: Collector) -> None:
    spans = sent(collector, (call(), outcome(row(latency_ms=250.0), latency_ms=260.0)))
    assert sorted(span.end_time_unix_nano - span.start_time_unix_nano for span in spans) == [250_000_000, 260_000_000]


def test_a_callers_trace_goes_on(collector: Collector) -> None:
    spans = sent(collector, (call(headers={"traceparent": PARENT}), outcome(row())))
    assert {span.trace_id.hex() for span in spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert "b7ad6b7169203331" in {span.parent_span_id.hex() for span in spans}


def test_tokens_and_durations_are_measured_by_the_conventions(collector: Collector) -> None:
    sent(collector, (call(), outcome(row(), row(input_tokens=None, output_tokens=None))))
    metrics = collector.metrics()
    usage = {
        {one.key: one.value.string_value for one in point.attributes}["gen_ai.token.type"]: (point.count, point.sum)
        for point in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert usage == {"input": (1, 12), "output": (1, 5)}  # unknown is not 0
    durations = metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert sum(point.count for point in durations) == 2


def test_prompts_are_in_no_span(collector: Collector) -> None:
    sent(collector, (call(prompt="my password is hunter2"), outcome(row())))
    assert b"hunter2" not in b"".join(body for _, body in collector.came)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_turn_it_on(env: dict[str, str], expected: bool) -> None:
    assert traces.wanted(env) is expected
