"""What an analysis of a platform says: figures in tables, and in plain words what nobody can tell yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

Kind = Literal["text", "count", "usd", "interval", "ms", "share", "number"]
MICRO = Decimal("0.000001")
LEAST = 0.01  # USD that a terminal can show


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: the key of its rows, the heading in a terminal, and how its values are shown."""

    key: str
    heading: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures; a value of None is unknown. Rows may hold more keys than the terminal shows.

    A table without columns is not shown in a terminal.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    total: Mapping[str, Any] | None = None
    also: tuple[Column, ...] = ()  # shown below, where a terminal is too narrow for all of them

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        total = {} if self.total is None else {"total": dict(self.total)}
        return {"name": self.name, "title": self.title, "rows": [dict(row) for row in self.rows], **total}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that the files at hand do not say: why, and how to get it known."""

    what: str
    why: str
    how: str

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON-ready fields."""
        return {"what": self.what, "why": self.why, "how": self.how}


@dataclass(frozen=True, slots=True)
class Analysis:
    """One question about the platform and what is known of the answer."""

    id: str
    title: str
    summary: str
    tables: tuple[Table, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Return `computed`, `partly`, or `unknown` where no figure is known at all."""
        if not self.tables and not any(value is not None for value in self.figures.values()):
            return "unknown"
        return "partly" if self.unknown else "computed"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status,
            "summary": self.summary,
            "figures": dict(self.figures),
            "tables": [table.as_dict() for table in self.tables],
            "unknown": [one.as_dict() for one in self.unknown],
        }


def money(value: Decimal | None) -> float | None:
    """Return USD with six digits, fine enough that groups still add up to their whole; None stays unknown."""
    return None if value is None else float(value.quantize(MICRO, ROUND_HALF_EVEN)) + 0.0


def dollars(value: float | Decimal | None) -> str:
    """Return USD for a sentence."""
    if value is None:
        return "unknown"
    number = float(value)
    if 0 < abs(number) < LEAST:
        return f"under ${LEAST}" if number > 0 else f"over -${LEAST}"
    digits = 2 if abs(number) < 100 else 0
    text = f"${abs(number):,.{digits}f}"
    return f"-{text}" if round(number, digits) < 0 else text


def many(number: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
