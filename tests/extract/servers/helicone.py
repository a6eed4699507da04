"""Helicone: `POST /v1/request/query-clickhouse`."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls
from tests.extract.servers.loopback import Got, RefusedError, exact

_BODY = {"filter", "offset", "limit", "sort", "isCached", "includeInputs", "isPartOfExperiment", "isScored"}


class Helicone:
    """Rows are ordered by time alone: equal times come in another order for each request."""

    name = "helicone"
    stream = "requests"
    secret = "sk-helicone-canary-123456"

    def __init__(self) -> None:
        self.data = calls()
        self._random = Random(1)

    def environment(self, url: str) -> dict[str, str]:
        return {"HELICONE_BASE_URL": url, "HELICONE_API_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [row["request_id"]]

    def __call__(self, got: Got) -> Any:
        token = got.headers.get("authorization", "")
        if token != f"Bearer {self.secret}":
            raise RefusedError(401, {"error": f"Unauthorized {token}", "trace": "isAuthenticated.error"})
        if (got.method, got.path) != ("POST", "/v1/request/query-clickhouse"):
            raise RefusedError(404, {"error": "Not found"})
        body = got.json
        if set(body) - _BODY or body.get("includeInputs"):
            raise RefusedError(422, {"message": "Validation Failed", "details": {}})
        if not 0 <= body["limit"] <= 1000:
            raise RefusedError(500, {"data": None, "error": "invalid limit"})
        since, until = (_bound(body["filter"][side], name) for side, name in (("left", "gte"), ("right", "lt")))
        found = [call for call in self.data if since <= call.at < until]
        self._random.shuffle(found)
        found.sort(key=lambda call: call.at)
        return {"data": [_row(c) for c in found[body["offset"] : body["offset"] + body["limit"]]], "error": None}


def _bound(leaf: Any, operator: str) -> datetime:
    return datetime.fromisoformat(leaf["request_response_rmt"]["request_created_at"][operator])


def _row(call: Call) -> dict[str, Any]:
    return {
        "response_id": "r",
        "response_body": {"choices": [CANARY]},
        "response_created_at": call.end.strftime("%Y-%m-%d %H:%M:%S.%f")[:23],
        "response_status": 200,
        "request_id": call.id,
        "request_body": {"messages": [CANARY]},
        "request_created_at": call.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:23],
        "request_user_id": call.user,
        "request_properties": {"tenant": call.team, "Helicone-Session-Id": "s1", "prompt": CANARY},
        "properties": {"tenant": call.team},
        "provider": "OPENAI",
        "delay_ms": call.milliseconds,
        "request_model": call.model,
        "model": call.model,
        "time_to_first_token": 100,
        "prompt_tokens": call.input,
        "completion_tokens": call.output,
        "total_tokens": call.input + call.output,
        "prompt_cache_read_tokens": call.cached,
        "prompt_cache_write_tokens": 0,
        "country_code": "CH",
        "scores": {"quality": 1, "note": CANARY},
        "asset_ids": [],
        "asset_urls": {"x": f"https://bucket.example/{CANARY}"},
        "signed_body_url": f"https://bucket.example/{CANARY}",
        "target_url": f"https://api.openai.com/v1/chat/completions?key={CANARY}",
        "cost": exact(call.cost),
        "costUSD": exact(call.cost),
        "storage_location": "s3",
    }
