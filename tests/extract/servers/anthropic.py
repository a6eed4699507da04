"""Anthropic's admin API: messages, costs in cents, and the report of Claude Code."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls
from tests.extract.servers.loopback import Got, RefusedError, only

BASE = "/v1/organizations/"
WIDTHS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
LIMITS = {"1m": 1440, "1h": 168, "1d": 31}
GROUPS = {
    "usage_report/messages": {
        "account_id", "api_key_id", "context_window", "inference_geo", "model", "service_tier", "workspace_id",
    },
    "cost_report": {"workspace_id", "description"},
}  # fmt: skip


class Anthropic:
    """`strict`: a bucket that ends exactly at `ending_at` is left out, as one may read the documentation."""

    name = "anthropic-admin"
    stream = "messages"
    secret = "sk-ant-admin-canary-123456"

    def __init__(self, limit: int = 1000, strict: bool = False) -> None:
        self.data = calls()
        self.limit = limit
        self.strict = strict

    def environment(self, url: str) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_ADMIN_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [f"{row['starting_at']} {r['model']} {r['uncached_input_tokens']}" for r in row["results"]]

    def __call__(self, got: Got) -> Any:
        key = got.headers.get("x-api-key", "")
        if key != self.secret:
            raise RefusedError(401, {"type": "error", "error": {"message": f"invalid x-api-key {key}"}})
        if got.headers.get("anthropic-version") != "2023-06-01":
            raise RefusedError(400, {"type": "error", "error": {"message": "anthropic-version: header is required"}})
        kind = got.path.removeprefix(BASE)
        if kind == "usage_report/claude_code":
            return self._people(got)
        if kind not in GROUPS:
            raise RefusedError(404, {"type": "error", "error": {"message": "Not found"}})
        only(got.query, "starting_at", "ending_at", "bucket_width", "group_by[]", "limit", "page")
        width = got.one("bucket_width", "1d")
        if kind == "cost_report" and width != "1d":
            raise RefusedError(400, {"error": {"message": "bucket_width: Input should be '1d'"}})
        if not 1 <= int(got.one("limit", "7")) <= LIMITS[width]:
            raise RefusedError(400, {"error": {"message": "limit: out of range"}})
        groups = got.query.get("group_by[]", [])
        if set(groups) - GROUPS[kind]:
            raise RefusedError(400, {"error": {"message": f"group_by: {groups}"}})
        starts = self._starts(got, WIDTHS[width])
        return self._page(got, [self._bucket(kind, start, WIDTHS[width], groups) for start in starts])

    def _starts(self, got: Got, width: timedelta) -> list[datetime]:
        at, end = _when(got.one("starting_at")), _when(got.one("ending_at"))
        found = []
        while at < end:
            if at + width < end or (at + width == end and not self.strict):
                found.append(at)
            at += width
        return found

    def _page(self, got: Got, entries: list[Any]) -> dict[str, Any]:
        place = int(got.one("page", "page_0").removeprefix("page_"))
        size = min(int(got.one("limit", "7")), self.limit)
        more = place + size < len(entries)
        page = {"data": entries[place : place + size], "has_more": more}
        return {**page, "next_page": f"page_{place + size}" if more else None}

    def _bucket(self, kind: str, start: datetime, width: timedelta, groups: list[str]) -> dict[str, Any]:
        held: dict[tuple[Any, ...], list[Call]] = defaultdict(list)
        for call in self.data:
            if start <= call.at < start + width:
                held[tuple(_dimension(call, group) for group in groups)].append(call)
        results = [_result(kind, group, dict(zip(groups, key, strict=True))) for key, group in sorted(held.items())]
        return {"starting_at": _text(start), "ending_at": _text(start + width), "results": results}

    def _people(self, got: Got) -> dict[str, Any]:
        only(got.query, "starting_at", "limit", "page")
        day = _when(got.one("starting_at"))
        if len(got.one("starting_at")) != 10 or not 1 <= int(got.one("limit", "20")) <= 1000:
            raise RefusedError(400, {"error": {"message": "starting_at: a day; limit: at most 1000"}})
        people = sorted({call.user for call in self.data if day <= call.at < day + timedelta(days=1)})
        return self._page(got, [_person(user, day) for user in people])


def _when(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _dimension(call: Call, group: str) -> str:
    return {
        "model": call.model,
        "workspace_id": f"wrkspc_{call.team}",
        "api_key_id": "apikey_1",
        "service_tier": "standard",
        "context_window": "0-200k",
        "inference_geo": "global",
        "description": f"{call.model} Usage - Input Tokens",
    }[group]


def _result(kind: str, group: list[Call], key: dict[str, str]) -> dict[str, Any]:
    if kind == "cost_report":
        cents = sum((Decimal(call.cost) for call in group), Decimal()) * 100
        return {**key, "amount": f"{cents:f}", "currency": "USD", "cost_type": "tokens", "token_type": None,
                "model": None, "service_tier": None, "context_window": None, "note": CANARY}  # fmt: skip
    return {
        **key,
        "uncached_input_tokens": sum(call.input - call.cached for call in group),
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0, "note": CANARY},
        "cache_read_input_tokens": sum(call.cached for call in group),
        "output_tokens": sum(call.output for call in group),
        "server_tool_use": {"web_search_requests": 1, "query": CANARY},
    }


def _person(user: str, day: datetime) -> dict[str, Any]:
    return {
        "date": _text(day),
        "actor": {"type": "user_actor", "email_address": f"{user}@example.com"},
        "organization_id": "org",
        "customer_type": "subscription",
        "terminal_type": "vscode",
        "core_metrics": {"num_sessions": 2, "note": CANARY},
        "tool_actions": {"edit_tool": {"accepted": 1}},
        "model_breakdown": [
            {
                "model": "claude-sonnet-4-5-20250929",
                "tokens": {"input": 100, "output": 20, "cache_read": 10, "cache_creation": 5},
                "estimated_cost": {"currency": "USD", "amount": 1025},
            }
        ],
    }
