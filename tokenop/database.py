"""One way to open DuckDB: the derived database that may be deleted at any time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(memory_limit: str | None = None, spill_to: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB connection with UTC times, no extension downloads and free row order.

    Args:
        memory_limit: DuckDB's own limit, such as `"1GB"`; None leaves its default.
        spill_to: folder for temporary files of larger-than-memory work.
    """
    import duckdb  # 100 ms of import that `--help` must not pay

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    if memory_limit:
        config["memory_limit"] = memory_limit
    if spill_to:
        config["temp_directory"] = str(spill_to)
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB draws its bar on stdout, even into a pipe: it would end up in the middle of `--json`.
    connection.execute("SET enable_progress_bar = false")
    return connection


def quoted(text: str) -> str:
    """Return `text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
