"""The canonical records: their JSON Schemas, and the columns that everything else is generated from.

There are two: the event (one call), and the usage record (a vendor's aggregate of many calls). The functions here mean
the event where they are not asked for the other.

A schema file is the one contract. Keys of its own that JSON Schema does not know start with `x-`: `x-duckdb` is a
property's column type, `x-invariants` lists the rules between fields as SQL that is true where an event is wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokenop.errors import Severity

Record = Literal["event", "usage"]
EVENT: Record = "event"
USAGE: Record = "usage"
SCHEMA_FILE = Path(__file__).with_name("event.schema.json")
USAGE_FILE = Path(__file__).with_name("usage.schema.json")


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record."""

    name: str
    duckdb: str
    required: bool
    description: str
    rules: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule between fields. `sql` is true for a record that breaks it."""

    rule: str
    severity: Severity
    field: str
    sql: str
    message: str
    fix: str


@cache
def document(record: Record = EVENT) -> dict[str, Any]:
    """Return the JSON Schema as data."""
    file = SCHEMA_FILE if record == EVENT else USAGE_FILE
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


@cache
def columns(record: Record = EVENT) -> tuple[Column, ...]:
    """Return the fields in their canonical order, the required ones first (of an event twelve)."""
    required = set(document(record)["required"])
    return tuple(
        Column(name, rules["x-duckdb"], name in required, rules["description"], rules)
        for name, rules in document(record)["properties"].items()
    )


@cache
def invariants(record: Record = EVENT) -> tuple[Invariant, ...]:
    """Return the rules between fields, in the order in which they are checked."""
    return tuple(Invariant(**entry) for entry in document(record)["x-invariants"])


@cache
def types(record: Record = EVENT) -> dict[str, str]:
    """Return the DuckDB type of each column by name."""
    return {column.name: column.duckdb for column in columns(record)}
