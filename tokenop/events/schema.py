"""The canonical event: its JSON Schema, and the columns that everything else is generated from.

The schema file is the one contract. Keys of its own that JSON Schema does not know start with `x-`: `x-duckdb` is a
property's column type, `x-invariants` lists the rules between fields as SQL that is true where an event is wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenop.errors import Severity

SCHEMA_FILE = Path(__file__).with_name("event.schema.json")


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the event."""

    name: str
    duckdb: str
    required: bool
    description: str
    rules: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule between fields. `sql` is true for an event that breaks it."""

    rule: str
    severity: Severity
    field: str
    sql: str
    message: str
    fix: str


@cache
def document() -> dict[str, Any]:
    """Return the JSON Schema as data."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def columns() -> tuple[Column, ...]:
    """Return the event's fields in their canonical order, the twelve required ones first."""
    required = set(document()["required"])
    return tuple(
        Column(name, rules["x-duckdb"], name in required, rules["description"], rules)
        for name, rules in document()["properties"].items()
    )


@cache
def invariants() -> tuple[Invariant, ...]:
    """Return the rules between fields, in the order in which they are checked."""
    return tuple(Invariant(**entry) for entry in document()["x-invariants"])


@cache
def types() -> dict[str, str]:
    """Return the DuckDB type of each column by name."""
    return {column.name: column.duckdb for column in columns()}
