"""What the tests of prices share: the two price books, and a way to price a few calls in SQL."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tokenop.database import connect, quoted
from tokenop.prices import book as books
from tokenop.prices import calls
from tokenop.prices.book import PriceBook
from tokenop.prices.coverage import Coverage

COLUMNS = {
    "id": "VARCHAR",
    "ts": "TIMESTAMPTZ",
    "provider": "VARCHAR",
    "model": "VARCHAR",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cache_read_input_tokens": "BIGINT",
    "cache_creation_input_tokens": "BIGINT",
    "cache_creation_1h_input_tokens": "BIGINT",
    "batch": "BOOLEAN",
    "cost_usd": "DECIMAL(20,12)",
    "cost_source": "VARCHAR",
    "price_id": "VARCHAR",
}
Priced = tuple[Coverage, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def bundled_book() -> PriceBook:
    """Return the prices of genai-prices alone."""
    return books.load(shipped=False)


@pytest.fixture(scope="session")
def book() -> PriceBook:
    """Return the prices that an installation has."""
    return books.load()


@pytest.fixture
def price(tmp_path: Path) -> Callable[..., Priced]:
    """Return a function that prices calls, given as mappings of columns, and returns coverage and rows in order."""

    def run(
        prices: PriceBook, events: Iterable[Mapping[str, object]], extra: Mapping[str, str] | None = None
    ) -> Priced:
        columns = {**COLUMNS, **(extra or {})}
        path = tmp_path / "events.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            for number, event in enumerate(events):
                writer.writerow({"id": f"{number:09d}", "ts": "2026-11-01T12:00:00Z", **event})
        connection = connect()
        try:
            types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in columns.items())
            source = f"read_csv({quoted(str(path))}, header=true, columns={{{types}}}, nullstr='')"
            connection.execute(f"CREATE TABLE events AS FROM {source}")
            coverage = calls.create(connection, prices)
            result = connection.execute("SELECT * EXCLUDE (ts) FROM calls ORDER BY id")
            names = [column[0] for column in result.description]
            return coverage, [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        finally:
            connection.close()

    return run
