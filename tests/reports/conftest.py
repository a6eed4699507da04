"""A small priced log in the columns of the `calls` view, and what a plan would make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tokenop.database import connect

DATA = Path(__file__).resolve().parents[1] / "data" / "reports"


@pytest.fixture
def plan_file() -> Path:
    """Return a plan with every field that reports read."""
    return DATA / "optimization-plan.yaml"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the views `calls` and `projection`."""
    opened = connect()
    opened.execute((DATA / "calls.sql").read_text(encoding="utf-8"))
    yield opened
    opened.close()
