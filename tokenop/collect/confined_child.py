"""The child's side of `tokenop.collect.confined`: set the limits, run one SELECT.

It answers in lines of JSON: first the columns that the SELECT gives; then, once it has been told what to make of them,
the number of rows.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def main(request: dict[str, Any]) -> None:
    """Do what `request` says, write the answer to standard output and leave without cleaning up."""
    # DuckDB draws progress bars on standard output: the answer goes out through a descriptor of its own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    limit(request)
    at = "preparing"
    try:
        connection = prepare(request)
        at = "running"
        answers.write(json.dumps({"columns": described(connection, request)}) + "\n")
        answers.flush()
        answer = run(connection, request, json.loads(sys.stdin.readline() or "{}"))
    except Exception as error:
        # Whatever is raised while running is about the contributed SQL or its data; the parent makes it readable.
        answer = {"error": {"type": type(error).__name__, "message": str(error), "at": at}}
    answers.write(json.dumps(answer))
    answers.flush()
    os._exit(0)


def limit(request: dict[str, Any]) -> None:
    """Set the limits of this process, as far as the system has them; they cannot be raised again."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        "RLIMIT_AS": request["address_space_mb"] * 1024 * 1024,
        "RLIMIT_FSIZE": request["disk_mb"] * 1_000_000,
        "RLIMIT_CPU": request["cpu_seconds"],
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (lowest, lowest))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def prepare(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection that holds the inputs and the variables of `request`, and whose settings are locked."""
    import duckdb

    from tokenop.database import identifier, quoted

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
            "threads": request["threads"],
            "memory_limit": f"{request['memory_mb']}MB",
            "temp_directory": request["scratch"],
            "max_temp_directory_size": f"{request['disk_mb']}MB",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    # DuckDB 2.0 fails on some calls in a CASE ("did not return a BoundFunctionExpression") where the file's statistics
    # say that a column holds nothing but NULL, as every column does that an export lacks.
    connection.execute("SET disabled_optimizers = 'statistics_propagation'")
    for name, relation in request["inputs"].items():
        connection.execute(f"CREATE VIEW {identifier(name)} AS {relation}")
    for name, value in request["variables"].items():
        connection.execute(f"SET VARIABLE {identifier(name)} = {quoted(value)}")
    allowed = ", ".join(quoted(path) for path in [*request["files"], request["output"]])
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute(f"SET allowed_directories = [{quoted(request['scratch'])}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def described(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, str]:
    """Return the columns of the SELECT of `request` with their types, without running it."""
    found = connection.execute(f"DESCRIBE SELECT * FROM (\n{request['sql']}\n)").fetchall()
    return {row[0]: row[1] for row in found}


def run(connection: duckdb.DuckDBPyConnection, request: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Run the SELECT of `request`, and what the parent makes of its rows, into the output; return the number of rows.

    Nothing `told` means that the parent did not like the columns.
    """
    from tokenop.database import quoted

    if not told:
        return {"rows": 0}
    copied = connection.execute(
        f"COPY (WITH mapped AS NOT MATERIALIZED (\n{request['sql']}\n) {told['finish']}) "
        f"TO {quoted(request['output'])} (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)"
    ).fetchone()
    return {"rows": copied[0] if copied else 0}
