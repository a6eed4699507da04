"""A LiteLLM proxy: `GET /spend/logs/v2`, as of version 1.109."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls, iso
from tests.extract.servers.loopback import Got, RefusedError, exact, only

PATH = "/spend/logs/v2"


class LiteLLM:
    """Rows are ordered by time alone: equal times come in another order for each request, as they may in Postgres."""

    name = "litellm"
    stream = "spend_logs"
    secret = "sk-master-canary-123456"
    data: list[Call]

    def __init__(self, largest: int = 1000, cap: int = 10_000) -> None:
        self.data = calls()
        self.largest = largest
        self.cap = cap
        self._random = Random(1)

    def environment(self, url: str) -> dict[str, str]:
        return {"LITELLM_BASE_URL": url, "LITELLM_API_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [row["request_id"]]

    def __call__(self, got: Got) -> Any:
        token = got.headers.get("authorization", "")
        if token != f"Bearer {self.secret}":
            raise RefusedError(401, {"error": {"message": f"Authentication Error, {token} is invalid", "code": "401"}})
        if (got.method, got.path) != ("GET", PATH):
            raise RefusedError(404, {"detail": "Not Found"})
        only(got.query, "start_date", "end_date", "page", "page_size", "sort_by", "sort_order")
        page, size = int(got.one("page", "1")), int(got.one("page_size", "50"))
        if not 1 <= size <= self.largest:
            raise RefusedError(422, {"detail": [{"loc": ["query", "page_size"], "msg": "less than or equal"}]})
        try:
            since, until = (
                datetime.strptime(got.one(name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
                for name in ("start_date", "end_date")
            )
        except ValueError:
            raise RefusedError(400, {"detail": "Invalid date format"}) from None
        found = [call for call in self.data if since <= call.at <= until]
        self._random.shuffle(found)
        found.sort(key=lambda call: call.at, reverse=got.one("sort_order", "desc") == "desc")
        total = min(len(found), self.cap)
        return {
            "data": [_row(call) for call in found[(page - 1) * size : page * size]],
            "total": total,
            "page": page,
            "page_size": size,
            "total_pages": -(-total // size),
            "total_is_capped": len(found) > self.cap,
        }


def _row(call: Call) -> dict[str, Any]:
    usage = {
        "prompt_tokens": call.input,
        "prompt_tokens_details": {"cached_tokens": call.cached, "text": CANARY},
        "cache_read_input_tokens": call.cached,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "request_id": call.id,
        "call_type": "acompletion",
        "api_key": "hash",
        "spend": exact(call.cost),
        "total_tokens": call.input + call.output,
        "prompt_tokens": call.input,
        "completion_tokens": call.output,
        "startTime": iso(call.at),
        "endTime": iso(call.end),
        "completionStartTime": None,
        "request_duration_ms": call.milliseconds,
        "model": f"openai/{call.model}",
        "model_group": call.model,
        "custom_llm_provider": "openai",
        "api_base": "https://api.openai.com/v1",
        "user": call.user,
        "end_user": "",
        "team_id": call.team,
        "organization_id": None,
        "session_id": None,
        "agent_id": None,
        "cache_hit": "False",
        "status": "success",
        "request_tags": ["intent:triage"],
        "requester_ip_address": "10.0.0.1",
        "messages": {},
        "metadata": {
            "additional_usage_values": usage,
            "usage_object": {**usage, CANARY: CANARY},
            "status": "success",
            "user_api_key_team_alias": call.team,
            "requester_metadata": {"note": CANARY},
            "mcp_tool_call_metadata": {"arguments": CANARY},
            "vector_store_request_metadata": [{"query": CANARY}],
            "error_information": {"error_class": "", "error_code": "", "error_message": CANARY, "traceback": CANARY},
            "model_map_information": {"model_map_value": {"input_cost_per_token": 0.0000025, "supports": [CANARY]}},
        },
    }
