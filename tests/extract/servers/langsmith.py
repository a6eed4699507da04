"""LangSmith: `POST /api/v2/runs/query` and `GET /api/v2/sessions`, validated with the client's own list of fields."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, get_args

from tests.extract.servers.calls import CANARY, Call, calls, iso
from tests.extract.servers.loopback import Got, RefusedError, exact, only

PROJECTS = {"3d9c1e0a-1111-4000-8000-000000000001": "support", "3d9c1e0a-1111-4000-8000-000000000002": "search"}
_BODY = {"cursor", "project_ids", "run_type", "min_start_time", "max_start_time", "page_size", "selects", "filter"}


class LangSmith:
    """`largest` is what a page holds at most; a cursor is refused with other parameters than the first page's."""

    name = "langsmith"
    stream = "runs"
    secret = "lsv2_canary_123456"

    def __init__(self, largest: int = 1000) -> None:
        self.data = calls()
        self.largest = largest

    def environment(self, url: str) -> dict[str, str]:
        return {"LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [row["id"]]

    def __call__(self, got: Got) -> Any:
        key = got.headers.get("x-api-key", "")
        if key != self.secret:
            raise RefusedError(401, {"detail": f"Invalid token {key}"})
        if (got.method, got.path) == ("GET", "/api/v2/sessions"):
            return self._sessions(got)
        if (got.method, got.path) == ("POST", "/api/v2/runs/query"):
            return self._runs(got.json)
        raise RefusedError(404, {"detail": "Not Found"})

    def _sessions(self, got: Got) -> dict[str, Any]:
        only(got.query, "type[]", "type", "page_size", "cursor")
        entries = [
            {"id": key, "name": name, "type": "PROJECT", "tenant_id": "t", "start_time": "2026-01-01T00:00:00Z"}
            for key, name in PROJECTS.items()
        ]
        first = "cursor" not in got.query
        return {"items": entries[:1] if first else entries[1:], "next_cursor": "second" if first else None}

    def _runs(self, body: dict[str, Any]) -> dict[str, Any]:
        from langsmith.types import RunSelectField, RunType

        if set(body) - _BODY:
            raise RefusedError(422, {"detail": f"extra fields not permitted {sorted(set(body) - _BODY)}"})
        if set(body["selects"]) - set(get_args(RunSelectField)) or body["run_type"] not in get_args(RunType):
            raise RefusedError(422, {"detail": "unknown field or type"})
        if not 1 <= body["page_size"] <= 1000 or len(body["project_ids"]) != 1:
            raise RefusedError(422, {"detail": "page_size must be between 1 and 1000"})
        asked = json.dumps({name: value for name, value in body.items() if name != "cursor"}, sort_keys=True)
        place = 0
        if "cursor" in body:
            told = json.loads(base64.b64decode(body["cursor"]))
            if told["asked"] != asked:
                raise RefusedError(400, {"detail": "cursor belongs to another query"})
            place = told["place"]
        since, until = (datetime.fromisoformat(body[name]) for name in ("min_start_time", "max_start_time"))
        team = PROJECTS[body["project_ids"][0]]
        # The upper bound is inclusive here: the documentation does not say.
        found = [
            _run(call, body)
            for call in self.data
            if call.team == team and since <= call.at <= until and body["run_type"] == "LLM"
        ]
        size = min(body["page_size"], self.largest)
        more = place + size < len(found)
        cursor = base64.b64encode(json.dumps({"asked": asked, "place": place + size}).encode()).decode()
        return {"items": found[place : place + size], "next_cursor": cursor if more else None}


def _run(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    whole = {
        "id": call.id,
        "name": CANARY,
        "run_type": "LLM",
        "status": "SUCCESS",
        "start_time": iso(call.at),
        "end_time": iso(call.end),
        "first_token_time": None,
        "parent_run_ids": ["root", "chain"],
        "trace_id": "root",
        "thread_id": None,
        "project_id": body["project_ids"][0],
        "prompt_tokens": call.input,
        "completion_tokens": call.output,
        "total_tokens": call.input + call.output,
        "prompt_token_details": {"raw": {"cache_read": call.cached}},
        "completion_token_details": {"raw": {"reasoning": 0}},
        "total_cost": exact(call.cost),
        "metadata": {
            "ls_provider": "openai",
            "ls_model_name": call.model,
            "thread_id": "th-1",
            "intent": "triage",
            "tenant": call.team,
            "system_prompt": CANARY,
            "user_id": {"nested": CANARY},
        },
        "tags": ["prod"],
        "feedback_stats": {"correctness": {"n": 2, "avg": 0.5, "comments": [CANARY], "sources": [CANARY]}},
        "inputs": {"messages": [CANARY]},
        "outputs": {"text": CANARY},
        "extra": {"invocation_params": {"tools": [CANARY]}},
        "events": [{"kwargs": CANARY}],
        "error": CANARY,
    }
    return {name: value for name, value in whole.items() if name.upper() in body["selects"]}
