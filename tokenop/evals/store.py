"""The database of results, derived from the files of results: delete it whenever you like, it is built anew.

`runs` has a row an outcome, `run_summaries` a row for each run, tier and engine. `pass` is NULL where nothing is known.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop import database, settings
from tokenop.errors import TokenOpError
from tokenop.evals.results import files_in

if TYPE_CHECKING:
    import duckdb

_BUCKETS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
            "cache_creation_1h_input_tokens", "reasoning_output_tokens")  # fmt: skip
_USAGE = ", ".join(f"{name} BIGINT" for name in _BUCKETS)
_COLUMNS = {
    "run": "STRUCT(run_id VARCHAR, started VARCHAR, config VARCHAR, config_sha256 VARCHAR, tasks_sha256 VARCHAR, "
    "mode VARCHAR)",
    "outcome": "STRUCT(task VARCHAR, tier VARCHAR, repeat BIGINT, engine VARCHAR, provider VARCHAR, model VARCHAR, "
    f"result VARCHAR, check_detail VARCHAR, usage STRUCT({_USAGE}, source VARCHAR), cost_usd VARCHAR, "
    "latency_ms DOUBLE, fallback_used BOOLEAN, attempts BIGINT, error_kind VARCHAR, source VARCHAR, "
    "extra STRUCT(task_sha256 VARCHAR))",
}
_PLAIN = ("tier", "task", "repeat", "engine", "provider", "model", "check_detail", "latency_ms", "fallback_used",
          "attempts", "error_kind", "source")  # fmt: skip
_RUNS = f"""
    SELECT parse_dirpath(filename) AS folder, run.run_id AS run_id, TRY_CAST(run.started AS TIMESTAMPTZ) AS started,
        run.config AS config, run.mode AS mode, {", ".join(f"o.{name} AS {name}" for name in _PLAIN)},
        CASE o.result WHEN 'pass' THEN true WHEN 'fail' THEN false END AS pass,
        {", ".join(f"o.usage.{name} AS {name}" for name in _BUCKETS)}, o.usage.source AS usage_source,
        o.extra.task_sha256 AS task_sha256,
        TRY_CAST(o.cost_usd AS DECIMAL(38,12)) AS cost_usd
    FROM (SELECT filename, outcome AS o FROM lines WHERE outcome.task IS NOT NULL)
    JOIN (SELECT filename, run FROM lines WHERE run.run_id IS NOT NULL) USING (filename)
    ORDER BY run_id, tier, task, repeat
"""
SUMMARY = """
    SELECT folder, run_id, started, config, mode, tier, engine, provider, model, count(*) AS asked,
        count(*) FILTER (pass) AS passed, count(*) FILTER (NOT pass) AS failed,
        count(*) FILTER (pass IS NULL) AS infrastructure,
        CASE WHEN count(pass) > 0 THEN count(*) FILTER (pass) / count(pass) END AS pass_rate,
        CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END AS cost_usd,
        quantile_cont(latency_ms, 0.5) AS median_latency_ms, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, count(*) FILTER (fallback_used) AS fallbacks, max(source) AS source
    FROM runs GROUP BY ALL ORDER BY run_id, tier, engine, model
"""


class BusyError(TokenOpError):
    """The database cannot be written, or another program holds it; the files of results have everything anyway."""


def path() -> Path:
    """Return where the database is."""
    return settings.home() / "evals.duckdb"


def load(connection: duckdb.DuckDBPyConnection, chosen: Sequence[Path]) -> None:
    """Create the table `runs` from files of results. Lines that are none are left out."""
    if chosen:
        columns = ", ".join(f"{name}: {database.quoted(kind)}" for name, kind in _COLUMNS.items())
        # DuckDB takes a path for a pattern.
        listed = ", ".join(database.quoted(glob.escape(str(path.resolve()))) for path in chosen)
        source = (
            f"read_json([{listed}], format='newline_delimited', columns={{{columns}}}, ignore_errors=true, "
            "filename=true)"
        )
    else:
        kinds = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _COLUMNS.items())
        source = f"(SELECT {kinds}, ''::VARCHAR AS filename WHERE false)"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW lines AS SELECT * FROM {source}")
    connection.execute(f"CREATE OR REPLACE TABLE runs AS {_RUNS}")


def summaries(chosen: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the rows of `run_summaries` for files of results."""
    with database.connect() as connection:
        load(connection, chosen)
        found = connection.execute(SUMMARY)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def refresh(folder: Path) -> Path:
    """Bring the database up to date with the files in `folder` and return where it is; other folders' rows stay.

    Raises:
        BusyError: another program has it open, or it cannot be written.
    """
    target = path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _renew(target, folder)
    except OSError as error:
        told = f"cannot be written: {error.strerror or error}"
        raise BusyError(f"{target}: {told}; the files of results have everything") from error
    return target


def _renew(target: Path, folder: Path) -> None:
    import duckdb

    with database.connect() as connection:
        load(connection, files_in(folder))
        connection.execute("CREATE TABLE fresh AS SELECT * FROM runs")
        try:
            _replace(connection, target, folder)
        except duckdb.Error as error:
            if "set lock on file" in str(error):
                raise BusyError(
                    f"{target}: another program has it open; the files of results have everything"
                ) from error
            # An older form, or no database at all: it is derived, so it is made anew.
            connection.execute("DETACH DATABASE IF EXISTS evals")
            target.unlink(missing_ok=True)
            try:
                _replace(connection, target, folder)
            except duckdb.IOException as still:
                raise OSError(str(still).splitlines()[0]) from still


def _replace(connection: duckdb.DuckDBPyConnection, target: Path, folder: Path) -> None:
    connection.execute(f"ATTACH {database.quoted(str(target))} AS evals")
    connection.execute("CREATE TABLE IF NOT EXISTS evals.runs AS SELECT * FROM fresh WHERE false")
    summary = SUMMARY.replace("FROM runs", "FROM evals.runs")
    connection.execute("BEGIN")
    try:
        connection.execute("DELETE FROM evals.runs WHERE folder = ?", [str(folder.resolve())])
        connection.execute("INSERT INTO evals.runs BY NAME SELECT * FROM fresh")
        connection.execute(f"CREATE OR REPLACE TABLE evals.run_summaries AS {summary}")
    except Exception:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
