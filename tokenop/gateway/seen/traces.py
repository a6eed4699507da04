"""OpenTelemetry: a span for each call with one for each attempt, and the GenAI metrics, by the semantic conventions.

Only where the standard variables ask for it (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin); then the SDK, the exporter and
about 25 MB come into the process. Spans are made when a call has ended, with the times that it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tokenop.errors import InputError
from tokenop.gateway.model import Call, Event, Outcome
from tokenop.providers.model import Delta

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
OFF = "OTEL_SDK_DISABLED"
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ says these bounds.
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
COUNTS = tuple(float(4**power) for power in range(14))
# Our names of who bills → the conventions' names, where they differ.
NAMES: Mapping[str, str] = {"bedrock": "aws.bedrock", "azure": "azure.ai.openai", "google": "gcp.gen_ai"}


def wanted(env: Mapping[str, str]) -> bool:
    """Return whether the environment asks for traces or metrics."""
    return env.get(OFF, "").lower() != "true" and any(env.get(name) for name in ENDPOINTS)


class Traces:
    """Tells OpenTelemetry what calls were."""

    wants_deltas = False

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        """Take where spans and figures go; both are shut down by `close`."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._providers = (tracers, meters)
        self._tracer = tracers.get_tracer("tokenop.gateway")
        meter = meters.get_meter("tokenop.gateway")
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration of a call.",
            explicit_bucket_boundaries_advisory=list(SECONDS),
        )  # fmt: skip
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a call.",
            explicit_bucket_boundaries_advisory=list(COUNTS),
        )  # fmt: skip
        self._context = TraceContextTextMapPropagator()

    def began(self, call: Call) -> None:
        """Take note of nothing: a span needs its end."""

    def delta(self, call: Call, delta: Delta) -> None:
        """Take note of nothing."""

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Make the spans of a call."""
        from opentelemetry import trace
        from opentelemetry.trace import SpanKind, Status, StatusCode

        carried = {name: call.headers[name] for name in ("traceparent", "tracestate") if name in call.headers}
        start = _nanoseconds(call.started)
        outer = self._tracer.start_span(
            f"{_operation(call)} {call.asked or call.request.model}"[:200],
            context=self._context.extract(carried),
            kind=SpanKind.SERVER,
            attributes=_of_call(call, outcome),
            start_time=start,
        )
        inside = trace.set_span_in_context(outer)
        for event in outcome.events:
            begun = _nanoseconds(datetime.fromisoformat(event["ts"]))
            attributes = _of_event(event)
            span = self._tracer.start_span(
                f"{attributes['gen_ai.operation.name']} {event['model']}", inside, SpanKind.CLIENT, attributes,
                start_time=begun,
            )  # fmt: skip
            if event.get("status", "ok") != "ok":
                span.set_status(Status(StatusCode.ERROR, str(event["status"])))
            span.end(begun + int((event.get("latency_ms") or 0) * 1_000_000))
            self._measured(event, attributes)
        if outcome.status >= 400:
            outer.set_status(Status(StatusCode.ERROR, str(outcome.status)))
        outer.end(start + int(outcome.latency_ms * 1_000_000))

    def _measured(self, event: Event, attributes: Mapping[str, Any]) -> None:
        kept = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "error.type")
        of_metric = {name: attributes[name] for name in kept if name in attributes}
        if event.get("latency_ms") is not None:
            self._seconds.record(event["latency_ms"] / 1000, of_metric)
        for kind in ("input", "output"):
            count = event.get(f"{kind}_tokens")
            if count is not None:
                self._tokens.record(count, {**of_metric, "gen_ai.token.type": kind})

    def close(self) -> None:
        """Send what waits, and stop. Gives up after some seconds where nobody listens."""
        for provider in self._providers:
            provider.shutdown()


def over_http(env: Mapping[str, str]) -> Traces:
    """Return what tells an OTLP endpoint, as the standard variables say.

    Raises:
        InputError: the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InputError(
            f"{_named(env)} is set, but OpenTelemetry is not installed: pip install 'tokenop[otel]'"
        ) from error
    own = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": "tokenop"}
    resource = Resource.create(own)
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    return Traces(tracers, MeterProvider([reader], resource=resource, shutdown_on_exit=False))


def _named(env: Mapping[str, str]) -> str:
    return next(name for name in ENDPOINTS if env.get(name))


def _operation(call: Call) -> str:
    return "embeddings" if call.wire == "openai-embeddings" else "chat"


def _of_call(call: Call, outcome: Outcome) -> dict[str, Any]:
    decision = call.decision
    cost = outcome.cost_usd
    said: dict[str, Any] = {
        "gen_ai.operation.name": _operation(call),
        "gen_ai.provider.name": "tokenop",
        "gen_ai.request.model": call.asked or call.request.model,
        "gen_ai.request.max_tokens": call.request.max_output_tokens,
        "gen_ai.request.temperature": call.request.temperature,
        "gen_ai.conversation.id": call.labels.get("session_id"),
        "http.response.status_code": outcome.status,
        "error.type": str(outcome.status) if outcome.status >= 400 else None,
        "tokenop.operation.id": call.operation_id,
        "tokenop.tier": call.tier,
        "tokenop.rule": decision.rule if decision is not None else None,
        "tokenop.cache": call.cached,
        "tokenop.attempts": len(outcome.events),
        "tokenop.intent": call.labels.get("intent"),
        "tokenop.cost_usd": None if cost is None else float(cost),
    }
    return {name: value for name, value in said.items() if value is not None}


def _of_event(event: Event) -> dict[str, Any]:
    provider = str(event["provider"])
    cost = event.get("cost_usd")
    failed = event.get("status", "ok") != "ok"
    said: dict[str, Any] = {
        "gen_ai.operation.name": event.get("operation", "chat"),
        "gen_ai.provider.name": NAMES.get(provider, provider),
        "gen_ai.request.model": event["model"],
        "gen_ai.response.model": None if failed else event["model"],
        "gen_ai.usage.input_tokens": event.get("input_tokens"),
        "gen_ai.usage.output_tokens": event.get("output_tokens"),
        "gen_ai.usage.cache_read.input_tokens": event.get("cache_read_input_tokens"),
        "gen_ai.usage.cache_creation.input_tokens": event.get("cache_creation_input_tokens"),
        "server.address": None if event["endpoint"] == "unknown" else event["endpoint"],
        "error.type": str(event["status"]) if failed else None,
        "tokenop.event.id": event["id"],
        "tokenop.attempt": event.get("attempt"),
        "tokenop.fallback_used": event.get("fallback_used"),
        "tokenop.cache_hit": event.get("cache_hit"),
        "tokenop.cost_usd": None if cost is None else float(cost),
        "tokenop.usage_source": event.get("usage_source"),
    }
    return {name: value for name, value in said.items() if value is not None}


def _nanoseconds(when: datetime) -> int:
    # Whole microseconds: a float of seconds has not enough digits for nanoseconds.
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
