"""A workspace on this machine: runs each statement for real, in DuckDB, and answers as the statement API documents."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from tests.extract.servers.loopback import Answer, Got, RefusedError

TOKEN = "dapi-planted-secret-0123456789"
WAREHOUSE = "wh1"
GATEWAY = """
    CREATE TABLE dbx.ai_gateway.usage (
        event_time TIMESTAMP, invocation_id VARCHAR, destination_model VARCHAR, request_tags MAP(VARCHAR, VARCHAR),
        input_tokens BIGINT, output_tokens BIGINT, service_type VARCHAR, prompt VARCHAR)
"""


@dataclass
class Workspace:
    """Answers requests. `chunk_rows` is the size of a chunk; `inline_rows` the most that one result may have."""

    chunk_rows: int = 10
    inline_rows: int = 10**9
    polls: int = 0
    before: Callable[[int, Got], None] = lambda number, got: None
    statements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone='UTC'; ATTACH ':memory:' AS dbx")
        self.db.execute("CREATE SCHEMA dbx.ai_gateway; CREATE SCHEMA dbx.serving")
        self._lock = threading.Lock()
        self._results: dict[str, list[list[list[str | None]]]] = {}
        self._polled: dict[str, int] = {}

    def gateway(self, rows: int, start: str = "2026-08-25 00:00:00", step: str = "1 minute") -> None:
        """Fill the gateway's table with one call each `step`."""
        self.db.execute(GATEWAY)
        self.calls(rows, start, step)

    def calls(self, rows: int, start: str, step: str, prefix: str = "inv") -> None:
        self.db.execute(
            f"""
            INSERT INTO dbx.ai_gateway.usage
            SELECT TIMESTAMP '{start}' + n * INTERVAL '{step}', '{prefix}-' || n, 'claude-sonnet-4-5',
                MAP {{'team': 'support'}}, 1000 + n, 10, 'MODEL', 'a prompt that nobody asked for'
            FROM range({rows}) AS t(n)
            """
        )

    def __call__(self, got: Got) -> Any:
        with self._lock:
            self.asked += 1
            self.before(self.asked, got)
            if got.path == "/.well-known/databricks-config":
                return {"workspace_id": "1"}
            if got.headers.get("authorization") != f"Bearer {TOKEN}":
                raise RefusedError(401, {"error_code": "UNAUTHENTICATED", "message": "no"})
            return self._answer(got)

    def _answer(self, got: Got) -> Any:
        if got.path == "/api/2.0/serving-endpoints":
            return {"endpoints": [{"name": "support", "creator": "ana@example.com", "config": {"served_entities": []}}]}
        if got.method == "POST" and got.path.rstrip("/") == "/api/2.0/sql/statements":
            return self._execute(got.json)
        chunk = re.fullmatch(r"/api/2.0/sql/statements/([^/]+)/result/chunks/(\d+)", got.path)
        if chunk:
            return self._chunk(chunk[1], int(chunk[2]))
        poll = re.fullmatch(r"/api/2.0/sql/statements/([^/]+)", got.path)
        if poll:
            return self._state(poll[1])
        raise RefusedError(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": got.path})

    def _execute(self, body: dict[str, Any]) -> Any:
        assert body["warehouse_id"] == WAREHOUSE
        assert body["disposition"] == "INLINE"
        binds = {entry["name"]: entry["value"] for entry in body.get("parameters", [])}
        self.statements.append((body["statement"], binds))
        statement = body["statement"].replace("FROM system.", "FROM dbx.").replace("`", '"')
        statement = re.sub(r":(since|until)\b", r"CAST($\1 AS TIMESTAMP)", statement)
        identifier = f"st-{len(self.statements)}"
        try:
            rows = self._rows(statement, {name: value.removesuffix("Z") for name, value in binds.items()})
        except duckdb.Error as error:
            return _failed(identifier, _as_databricks(str(error)))
        if len(rows) > self.inline_rows:
            return _failed(identifier, "Inline byte limit exceeded. Statements executed with disposition=INLINE …")
        chunks = [rows[at : at + self.chunk_rows] for at in range(0, len(rows), self.chunk_rows)]
        self._results[identifier] = chunks or [[]]
        self._polled[identifier] = 0
        return self._state(identifier)

    def _rows(self, statement: str, binds: dict[str, str]) -> list[list[str | None]]:
        relation = self.db.execute(statement, binds)
        return [[_text(value) for value in row] for row in relation.fetchall()]

    def _state(self, identifier: str) -> Any:
        if self._polled[identifier] < self.polls:
            self._polled[identifier] += 1
            return {"statement_id": identifier, "status": {"state": "RUNNING"}}
        return {
            "statement_id": identifier,
            "status": {"state": "SUCCEEDED"},
            "manifest": {"truncated": False, "total_chunk_count": len(self._results[identifier])},
            "result": self._chunk(identifier, 0),
        }

    def _chunk(self, identifier: str, number: int) -> dict[str, Any]:
        chunks = self._results[identifier]
        following = {"next_chunk_index": number + 1} if number + 1 < len(chunks) else {}
        return {"chunk_index": number, "data_array": chunks[number], **following}


def _failed(identifier: str, message: str) -> dict[str, Any]:
    error = {"error_code": "BAD_REQUEST", "message": message}
    return {"statement_id": identifier, "status": {"state": "FAILED", "error": error}}


def _as_databricks(message: str) -> str:
    if "does not exist" in message:
        return "[TABLE_OR_VIEW_NOT_FOUND] The table or view cannot be found. SQLSTATE: 42P01"
    missing = re.search(r'column "(\w+)" not found', message)
    if missing:
        return f"[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `{missing[1]}` cannot be resolved. Did you mean `x`?"
    return f"[PARSE_SYNTAX_ERROR] {message}"


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return json.dumps(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat(timespec="milliseconds")) + "Z"
    return str(value)


def unavailable(status: int, after: str | None = None) -> Answer:
    """Return an answer that asks to come back."""
    headers = {"Retry-After": after} if after is not None else {}
    return Answer(status, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}, headers)
