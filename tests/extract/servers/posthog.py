"""PostHog's query API for HogQL, as far as the extractor's one statement needs it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls
from tests.extract.servers.loopback import Got, RefusedError, exact

PATH = "/api/projects/4711/query/"
_TIME = r"toDateTime\('(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\)"
_STATEMENT = re.compile(
    r"SELECT (?P<columns>.+) FROM events WHERE event IN \('\$ai_generation', '\$ai_embedding'\) "
    rf"AND timestamp >= {_TIME} AND timestamp < {_TIME}"
    rf"(?: AND \(timestamp > {_TIME} OR \(timestamp = {_TIME} AND toString\(uuid\) > '([0-9a-f-]+)'\)\))?"
    r" ORDER BY timestamp, toString\(uuid\) LIMIT (\d+)"
)
PACIFIC = timezone(timedelta(hours=-7))


class PostHog:
    """A project whose own zone is not UTC: times come with its offset."""

    name = "posthog"
    stream = "generations"
    secret = "phx_canary_123456"

    def __init__(self) -> None:
        self.data = calls()
        self.events = {call.id: self._properties(call) for call in self.data}

    def environment(self, url: str) -> dict[str, str]:
        return {"POSTHOG_HOST": url, "POSTHOG_PERSONAL_API_KEY": self.secret, "POSTHOG_PROJECT_ID": "4711"}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [row["uuid"]]

    def __call__(self, got: Got) -> Any:
        token = got.headers.get("authorization", "")
        if not token.startswith("Bearer "):
            raise RefusedError(401, {"type": "authentication_error", "detail": "No credentials provided."})
        if token != f"Bearer {self.secret}":
            raise RefusedError(401, {"type": "authentication_error", "detail": f"Invalid token {token}"})
        if got.path.startswith("/api/projects/999"):
            raise RefusedError(403, {"type": "authentication_error", "detail": "No access to the project"})
        if (got.method, got.path) != ("POST", PATH):
            raise RefusedError(404, {"detail": "Not found."})
        body = got.json
        if set(body) - {"query", "refresh", "name", "client_query_id"} or body["query"].keys() != {"kind", "query"}:
            raise RefusedError(400, {"detail": "Extra inputs are not permitted"})
        if body["refresh"] != "force_blocking":
            return {"results": [], "is_cached": True}  # what was known an hour ago
        said = _STATEMENT.fullmatch(body["query"]["query"])
        if said is None:
            raise RefusedError(400, {"type": "validation_error", "detail": "Unable to resolve field"})
        columns = said["columns"].split(", ")
        since, until, at, _, uuid, limit = said.groups()[1:]
        if int(limit) > 50_000:
            raise RefusedError(400, {"detail": "LIMIT above 50000"})
        found = [
            call
            for call in sorted(self.data, key=lambda call: (call.at, call.id))
            if _when(since) <= call.at < _when(until) and (at is None or (call.at, call.id) > (_when(at), uuid))
        ]
        rows = [[self._value(call, column) for column in columns] for call in found[: int(limit)]]
        return {"results": rows, "columns": columns, "types": [], "hasMore": len(found) > int(limit)}

    def _value(self, call: Call, column: str) -> Any:
        if column.startswith("properties."):
            return self.events[call.id].get(column.removeprefix("properties."))
        return {
            "toString(uuid)": call.id,
            "event": "$ai_generation",
            "distinct_id": call.user,
            "timestamp": call.at.astimezone(PACIFIC).isoformat(),
        }[column]

    def _properties(self, call: Call) -> dict[str, Any]:
        return {
            "$ai_model": call.model,
            "$ai_provider": "openai",
            "$ai_input_tokens": call.input,
            "$ai_output_tokens": call.output,
            "$ai_cache_read_input_tokens": call.cached,
            "$ai_cache_reporting_exclusive": False,
            "$ai_latency": exact(f"{call.milliseconds / 1000:.3f}"),
            "$ai_total_cost_usd": exact(call.cost),
            "$ai_http_status": 200,
            "$ai_trace_id": f"t{call.id[:8]}",
            "$ai_span_name": "triage",
            "$ai_input": [{"role": "user", "content": CANARY}],
            "$ai_output_choices": [{"content": CANARY}],
            "feature": "triage",
            "team": call.team,
        }


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
