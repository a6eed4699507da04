"""What the analyses of a platform work on: the priced calls, what was billed, what runs, and a plan if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.vocabulary import EVENT_COLUMNS
from tokenop.economics.work import Spread, spread_of
from tokenop.errors import MisuseError
from tokenop.planning.build import DRAWS, SEED
from tokenop.sqltree import check_predicate

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template
    from tokenop.inventory.model import Inventory
    from tokenop.planning.inputs import Opened
    from tokenop.planning.platforms.rules import Rule
    from tokenop.prices.book import PriceBook

DEFAULT_USAGE, DEFAULT_PLAN = "usage.jsonl", "optimization-plan.yaml"
CALLS = "platform_calls"

# What calls can be told apart by. Databricks' collector maps job_id to task_id and pipeline_id to agent_id.
DIMENSIONS: Mapping[str, str] = {
    "endpoint": "endpoint",
    "job": "task_id",
    "pipeline": "agent_id",
    "function": "operation",
    "model": "model",
    "tenant": "tenant",
    "requester": "user_id",
    "intent": "intent",
    "hour": "strftime(ts AT TIME ZONE 'UTC', '%H:00')",
}


@dataclass(frozen=True)
class World:
    """The inputs of all analyses; `calls` is a relation with the columns of `tokenop.prices.calls`."""

    connection: duckdb.DuckDBPyConnection
    book: PriceBook
    opened: Opened
    spread: Spread
    count: int
    rules: tuple[Rule, ...] = ()
    by: str | None = None
    where: str | None = None
    usage: Path | None = None
    inventory: Inventory | None = None
    plan: Path | None = None
    templates: tuple[Template, ...] = ()
    inputs: Mapping[str, object] = field(default_factory=dict)
    calls: str = CALLS
    draws: int = DRAWS
    seed: int = SEED

    @property
    def monthly(self) -> Decimal:
        """Return the factor from the window to a month."""
        return Decimal(repr(self.spread.monthly))

    def a_month(self, value: Decimal | None) -> Decimal | None:
        """Return an amount of the window as one of a month."""
        return None if value is None else value * self.monthly

    def row(self, sql: str) -> dict[str, Any]:
        """Return the first row of a query by column name."""
        return self.rows(sql)[0]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query by column name."""
        found = self.connection.execute(sql)
        names = [one[0] for one in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def scope(connection: duckdb.DuckDBPyConnection, where: str | None) -> int:
    """Create the relation `platform_calls`, the calls that `where` selects, and return how many they are.

    Raises:
        MisuseError: `where` is not an expression over the fields of a call.
    """
    condition = "true"
    if where is not None:
        problems = check_predicate(where, EVENT_COLUMNS)
        if problems:
            raise MisuseError(f"--where: {problems[0].message}")
        condition = f"(\n{where}\n) IS TRUE"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {CALLS} AS SELECT * FROM calls WHERE {condition}")
    row = connection.execute(f"SELECT coalesce(sum(n), 0)::BIGINT FROM {CALLS}").fetchone()
    assert row is not None
    return int(row[0])


def spread(opened: Opened, count: int) -> Spread:
    """Return the blocks of the window; none where there is no call."""
    return spread_of(opened.window) if count else Spread(opened.window, "none", 1)


def beside(named: Path | None, log: Path | None, name: str) -> Path | None:
    """Return the file that is named, or the one of that name beside the log (or here), or None."""
    if named is not None:
        return named
    found = (log.parent if log else Path()) / name
    return found if found.is_file() else None
