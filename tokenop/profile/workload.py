"""The shared workload as a file: written into profile.yaml, and opened again as a relation of priced calls."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.database import identifier, quoted
from tokenop.errors import InputError, NoInputError
from tokenop.events import schema
from tokenop.profile import yaml_guard
from tokenop.profile.cells import CELL_COLUMNS, KIND
from tokenop.profile.narrow import MEASURED
from tokenop.profile.scalars import Scalar
from tokenop.profile.window import Window

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 1

CALL_TYPES = {
    "n": "BIGINT", "t_uncached": "BIGINT", "t_read": "BIGINT", "t_write_5m": "BIGINT", "t_write_1h": "BIGINT",
    "t_output": "BIGINT", "r_uncached": "DOUBLE", "r_read": "DOUBLE", "r_write_5m": "DOUBLE", "r_write_1h": "DOUBLE",
    "r_output": "DOUBLE", "r_call": "DOUBLE", "batch_discount": "DOUBLE", "priced_provider": "VARCHAR",
    "priced_model": "VARCHAR", "undated": "BOOLEAN", "list_cost": "DECIMAL(38,12)", "cost": "DECIMAL(38,12)",
    "cost_basis": "VARCHAR",
}  # fmt: skip
"""The columns that pricing adds to those of an event, with their types (see `tokenop.prices.calls`)."""

_TEXT_KINDS = {"provider", "model", "priced_provider", "priced_model", "price_id", "cost_basis"}
_FLAG_KINDS = {
    "undated", "batch", "cache_hit", "caching", "in_session", "by_agent",
    "usage_known", "prompts_known", "prefixes_known",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkloadInfo:
    """What a shared workload says of itself. `scalars` were computed on the events, before anything was merged."""

    path: Path
    k: int
    calls: int
    suppressed_calls: int
    window: Window
    scalars: dict[str, Scalar]
    coverage: dict[str, Any]
    events_hash: str
    prices_hash: str
    sample: bool


def open_workload(connection: duckdb.DuckDBPyConnection, path: Path, name: str = "calls") -> WorkloadInfo:
    """Create the temporary table `name` from the cells of a shared workload.

    It has the columns of the relation that `tokenop.prices.calls.create` makes, one row a cell: `n` calls, totals in
    the `t_` columns and the costs, means a call in the columns of an event (`input_tokens`, `latency_ms`, …), and the
    measured columns `hit_5m_tokens, hit_1h_tokens, repeat_calls, warm_5m_calls, warm_1h_calls` (NULL where unknown).
    `session_id` and `agent_id` are `unknown` where the cell's calls had one, and NULL where they had none.
    A cell's `ts` lies in its day; where the day was given up, in the middle of its week or of the window.

    Raises:
        InputError: the file cannot be read, or is no shared workload.
        NoInputError: it has no cell.
    """
    document = _document(path)
    workload = document["workload"]
    try:
        window = Window(_moment(document["source"]["window"]["from"]), _moment(document["source"]["window"]["until"]))
        cells = [dict(zip(CELL_COLUMNS, row, strict=True)) for row in workload["cells"]["rows"]]
        kinds = [dict(zip(KIND, row, strict=True)) for row in workload["kinds"]["rows"]]
        same = workload["cells"]["columns"] == list(CELL_COLUMNS) and workload["kinds"]["columns"] == list(KIND)
        info = WorkloadInfo(
            path=path,
            k=int(workload["k"]),
            calls=int(workload["whole"]["calls"]) - int(workload["suppressed"]["calls"]),
            suppressed_calls=int(workload["suppressed"]["calls"]),
            window=window,
            scalars={key: _scalar(key, value) for key, value in document["scalars"].items()},
            coverage=document["coverage"],
            events_hash=document["source"]["events_hash"],
            prices_hash=document["source"]["prices_hash"],
            sample=bool(document["source"]["sample"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a workload of this version: {error}; {_AGAIN}") from error
    if not same:
        raise InputError(f"{path}: the columns are not those of version {SCHEMA_VERSION}; {_AGAIN}")
    if not cells:
        raise NoInputError(f"{path}: the workload has no cell: all calls were too few to be shared")
    _load(connection, path, name, cells, kinds, window)
    return info


_AGAIN = "write it again with `tokenop profile --shareable`"


def _document(path: Path) -> dict[str, Any]:
    loaded = yaml_guard.load(path)
    if not isinstance(loaded, dict) or loaded.get("schema_version") != SCHEMA_VERSION:
        raise InputError(f"{path}: not a profile of version {SCHEMA_VERSION}; {_AGAIN}")
    if not isinstance(loaded.get("workload"), dict):
        raise InputError(f"{path}: has no workload: it was written without --shareable; {_AGAIN}")
    return loaded


def _moment(text: object) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(str(text))


def _scalar(name: str, value: object) -> Scalar:
    if value is None or isinstance(value, int):
        return value
    return Decimal(str(value)) if name.endswith("_usd") else float(str(value))


def _load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    cells: list[dict[str, Any]],
    kinds: list[dict[str, Any]],
    window: Window,
) -> None:
    import duckdb

    kind_types = {
        key: "VARCHAR" if key in _TEXT_KINDS else "BOOLEAN" if key in _FLAG_KINDS else "DOUBLE" for key in KIND
    }
    text = {"intent", "operation", "cost", "list_cost", "latency", "quality"}
    cell_types = {key: "VARCHAR" if key in text else "DATE" if key == "day" else "BIGINT" for key in CELL_COLUMNS}
    numbered = [{"kind": number, **kind} for number, kind in enumerate(kinds)]
    with tempfile.TemporaryDirectory() as folder:
        cell_source = _source(Path(folder) / "cells.jsonl", cells, cell_types)
        kind_source = _source(Path(folder) / "kinds.jsonl", numbered, {"kind": "BIGINT", **kind_types})
        try:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {identifier(name)} AS {_select(cell_source, kind_source, window)}"
            )
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: a cell holds what it cannot hold: {reason}; {_AGAIN}") from error


def _source(path: Path, rows: list[dict[str, Any]], types: dict[str, str]) -> str:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    columns = ", ".join(f"{quoted(key)}: {quoted(kind)}" for key, kind in types.items())
    return f"read_json({quoted(str(path))}, format='newline_delimited', columns={{{columns}}})"


def _select(cells: str, kinds: str, window: Window) -> str:
    """Return SQL for the rows of `calls`: every column of an event, then those of pricing, then the measured ones."""
    start, until = (f"{quoted(moment.isoformat())}::TIMESTAMPTZ" for moment in (window.start, window.until))
    last = f"({until} - INTERVAL 1 SECOND)"
    # The first and the last day keep the window's ends, so that it can be read from the times as for events.
    moment = f"""CASE
        WHEN day IS NULL THEN {start} + ({until} - {start}) / 2
        WHEN days = 1 AND day <= {start}::DATE THEN {start}
        WHEN days = 1 AND day >= {last}::DATE THEN {last}
        ELSE greatest({start}, least({last}, day::TIMESTAMPTZ + days * INTERVAL 12 HOUR)) END"""
    tokens_in = "(t_uncached + t_read + t_write_5m + t_write_1h)"
    event = {
        "id": "'cell-' || lpad((row_number() OVER (ORDER BY position))::VARCHAR, 5, '0')",
        "ts": moment,
        "intent": "intent",
        "provider": "provider",
        "model": "model",
        "input_tokens": f"round({tokens_in} / calls)",
        "output_tokens": "round(t_output / calls)",
        "latency_ms": "latency::DECIMAL(38,9) / latency_calls",
        "cost_usd": "CASE WHEN cost_basis = 'reported' THEN cost::DECIMAL(38,12) / calls END",
        "endpoint": "'unknown'",
        "region": "'unknown'",
        "tenant": "'unknown'",
        "usage_source": "CASE WHEN NOT usage_known THEN 'missing' END",
        "quality_score": "quality::DECIMAL(38,9) / quality_calls",
        "cache_read_input_tokens": "round(t_read / calls)",
        "cache_creation_input_tokens": "round((t_write_5m + t_write_1h) / calls)",
        "cache_creation_1h_input_tokens": "round(t_write_1h / calls)",
        "batch": "batch",
        "session_id": "CASE WHEN in_session THEN 'unknown' END",
        "agent_id": "CASE WHEN by_agent THEN 'unknown' END",
        "cost_source": "cost_basis",
        "price_id": "price_id",
        "operation": "operation",
        "cache_hit": "cache_hit",
    }
    priced = {"n": "calls", "cost": "coalesce(cost, list_cost)"}
    columns = [f"({event.get(key, 'NULL')})::{kind} AS {key}" for key, kind in schema.types().items()]
    columns += [f"({priced.get(key, key)})::{kind} AS {key}" for key, kind in CALL_TYPES.items()]
    columns += [f"{key}::BIGINT AS {key}" for key in MEASURED]
    numbered = f"SELECT *, row_number() OVER () AS position FROM {cells}"
    return f"SELECT {', '.join(columns)} FROM ({numbered}) JOIN {kinds} USING (kind) ORDER BY id"
