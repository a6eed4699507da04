"""Langfuse's public API: observations v2 (cursor, groups of fields) and the deprecated v1 (pages, with prompts)."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from tests.extract.servers.calls import CANARY, Call, calls, iso
from tests.extract.servers.loopback import Got, RefusedError, exact, only

GROUPS = {
    "core": ("id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type"),
    "basic": ("name", "level", "statusMessage", "version", "environment", "userId", "sessionId"),
    "time": ("completionStartTime", "createdAt", "updatedAt"),
    "io": ("input", "output"),
    "metadata": ("metadata",),
    "model": ("providedModelName", "internalModelId", "modelParameters"),
    "usage": ("usageDetails", "costDetails", "totalCost"),
    "prompt": ("promptId", "promptName", "promptVersion"),
    "metrics": ("latency", "timeToFirstToken"),
    "trace_context": ("tags", "release", "traceName"),
}


class Langfuse:
    """`largest` is what a page holds at most."""

    name = "langfuse"
    stream = "observations"
    secret = "sk-lf-canary-123456"

    def __init__(self, largest: int = 1000) -> None:
        self.data = calls()
        self.largest = largest

    def environment(self, url: str) -> dict[str, str]:
        return {"LANGFUSE_HOST": url, "LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": self.secret}

    def ids(self, row: dict[str, Any]) -> list[str]:
        return [row["id"]]

    def __call__(self, got: Got) -> Any:
        pair = base64.b64encode(f"pk-lf-1:{self.secret}".encode()).decode()
        if got.headers.get("authorization") != f"Basic {pair}":
            said = got.headers.get("authorization", "")
            raise RefusedError(401, {"message": f"Invalid credentials {said}", "error": "UnauthorizedError"})
        if got.path == "/api/public/v2/observations":
            return self._second(got)
        if got.path == "/api/public/observations":
            return self._first(got)
        raise RefusedError(404, {"message": "Not Found", "error": "NotFoundError"})

    def _found(self, got: Got) -> list[Call]:
        since, until = (datetime.fromisoformat(got.one(name)) for name in ("fromStartTime", "toStartTime"))
        embedding = got.one("type") == "EMBEDDING"
        return [call for call in self.data if since <= call.at < until and (call.user == "u0") == embedding]

    def _second(self, got: Got) -> dict[str, Any]:
        only(got.query, "type", "fromStartTime", "toStartTime", "limit", "fields", "cursor", "filter")
        groups = got.one("fields", "core,basic").split(",")
        if set(groups) - set(GROUPS) or not 1 <= int(got.one("limit", "50")) <= 1000:
            raise RefusedError(400, {"message": "Invalid request data"})
        names = {name for group in ("core", *groups) for name in GROUPS[group]}
        found = self._found(got)
        place = json.loads(base64.b64decode(got.one("cursor")))["place"] if "cursor" in got.query else 0
        size = min(int(got.one("limit", "50")), self.largest)
        rows = [{k: v for k, v in _row(call, got).items() if k in names} for call in found[place : place + size]]
        if place + size < len(found):
            return {
                "data": rows,
                "meta": {"cursor": base64.b64encode(json.dumps({"place": place + size}).encode()).decode()},
            }
        return {"data": rows, "meta": {}}

    def _first(self, got: Got) -> dict[str, Any]:
        only(got.query, "type", "fromStartTime", "toStartTime", "limit", "page")
        size = min(int(got.one("limit", "50")), self.largest)
        if not 1 <= int(got.one("limit", "50")) <= 100:
            raise RefusedError(400, {"message": "Invalid request data"})
        found, page = self._found(got), int(got.one("page", "1"))
        rows = []
        for call in found[(page - 1) * size : page * size]:
            row = _row(call, got)
            rows.append({**row, "model": row.pop("providedModelName"), "calculatedTotalCost": row.pop("totalCost")})
        meta = {"page": page, "limit": size, "totalItems": len(found), "totalPages": -(-len(found) // size)}
        return {"data": rows, "meta": meta}


def _row(call: Call, got: Got) -> dict[str, Any]:
    return {
        "id": call.id,
        "traceId": "t1",
        "startTime": iso(call.at),
        "endTime": iso(call.end),
        "projectId": "p1",
        "parentObservationId": None,
        "type": got.one("type"),
        "name": "answer",
        "level": "DEFAULT",
        "statusMessage": CANARY,
        "environment": "prod",
        "userId": call.user,
        "sessionId": "s1",
        "completionStartTime": None,
        "input": [{"role": "user", "content": CANARY}],
        "output": CANARY,
        "metadata": {"note": CANARY},
        "providedModelName": call.model,
        "modelParameters": {"stop": CANARY},
        "usageDetails": {
            "input": call.input - call.cached,
            "input_cached_tokens": call.cached,
            "output": call.output,
            "note": CANARY,
        },
        "costDetails": {"total": exact(call.cost), "note": CANARY},
        "totalCost": exact(call.cost),
        "latency": exact(f"{call.milliseconds / 1000:.3f}"),
        "timeToFirstToken": None,
        "tags": ["a"],
        "release": None,
        "traceName": call.team,
    }
