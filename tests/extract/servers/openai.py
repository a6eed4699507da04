"""OpenAI's admin API: usage of completions and embeddings, and costs."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls
from tests.extract.servers.loopback import Got, RefusedError, exact, only

WIDTHS = {"1m": 60, "1h": 3600, "1d": 86_400}
LIMITS = {"1m": 1440, "1h": 168, "1d": 31}
GROUPS = {
    "usage/completions": {"project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source"},
    "usage/embeddings": {"project_id", "user_id", "api_key_id", "model"},
    "costs": {"project_id", "line_item", "user_id", "api_key_id", "api_source"},
}


class OpenAI:
    """`limit` overrides what a page may hold, so that small data has many pages."""

    name = "openai-admin"
    stream = "completions"
    secret = "sk-admin-canary-123456"

    def __init__(self, limit: int = 1000) -> None:
        self.data = calls()
        self.limit = limit

    def environment(self, url: str) -> dict[str, str]:
        return {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_ADMIN_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [
            f"{row['start_time']} {result.get('model')} {result['num_model_requests']}" for result in row["results"]
        ]

    def __call__(self, got: Got) -> Any:
        token = got.headers.get("authorization", "").removeprefix("Bearer ")
        if token != self.secret:
            said = "Missing scopes: api.usage.read" if token.startswith("sk-proj") else f"Incorrect API key: {token}"
            raise RefusedError(403 if token.startswith("sk-proj") else 401, {"error": {"message": said}})
        kind = got.path.removeprefix("/v1/organization/")
        if kind not in GROUPS:
            raise RefusedError(404, {"error": {"message": "Invalid URL"}})
        only(got.query, "start_time", "end_time", "bucket_width", "group_by[]", "limit", "page")
        width = got.one("bucket_width", "1d")
        if kind == "costs" and width != "1d":
            raise RefusedError(400, {"error": {"message": "bucket_width of costs is 1d"}})
        if not 1 <= int(got.one("limit", "7")) <= (180 if kind == "costs" else LIMITS[width]):
            raise RefusedError(400, {"error": {"message": "limit is out of range"}})
        groups = got.query.get("group_by[]", [])
        if set(groups) - GROUPS[kind]:
            raise RefusedError(400, {"error": {"message": f"cannot group by {groups}"}})
        start, end = int(got.one("start_time")), int(got.one("end_time"))
        starts = [*range(start - start % WIDTHS[width], end, WIDTHS[width])]
        place = int(got.one("page", "page_0").removeprefix("page_"))
        size = min(int(got.one("limit", "7")), self.limit)
        more = place + size < len(starts)
        buckets = [self._bucket(kind, at, WIDTHS[width], groups) for at in starts[place : place + size]]
        page = {"object": "page", "data": buckets, "has_more": more}
        return {**page, "next_page": f"page_{place + size}" if more else None}

    def _bucket(self, kind: str, start: int, width: int, groups: list[str]) -> dict[str, Any]:
        held: dict[tuple[Any, ...], list[Call]] = defaultdict(list)
        for call in self.data if kind != "usage/embeddings" else []:
            if start <= call.at.timestamp() < start + width:
                held[tuple(_dimension(call, group) for group in groups)].append(call)
        results = [
            _result(kind, group, dict(zip(groups, key, strict=True)))
            for key, group in sorted(held.items(), reverse=start % 2 == 0)
        ]
        return {"object": "bucket", "start_time": start, "end_time": start + width, "results": results}


def _dimension(call: Call, group: str) -> Any:
    return {
        "model": call.model,
        "project_id": f"proj_{call.team}",
        "line_item": f"{call.model}, input",
        "batch": False,
        "service_tier": "default",
    }.get(group, "")


def _result(kind: str, group: list[Call], key: dict[str, Any]) -> dict[str, Any]:
    named = {name: value if value != "" else None for name, value in key.items()}
    if kind == "costs":
        total = sum((Decimal(call.cost) for call in group), Decimal())
        return {
            "object": "organization.costs.result",
            **named,
            # more digits than a binary float holds
            "amount": {"value": exact(f"{total}000000000000001"), "currency": "usd"},
            "organization_name": CANARY,
        }
    return {
        "object": "organization.usage.completions.result",
        **named,
        "input_tokens": sum(call.input for call in group),
        "output_tokens": sum(call.output for call in group),
        "input_cached_tokens": sum(call.cached for call in group),
        "num_model_requests": len(group),
        "note": CANARY,
    }
