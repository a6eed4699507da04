"""`open_log` and `write_log`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tokenop.database import connect
from tokenop.errors import FindingsError, InputError, NoInputError
from tokenop.events import schema
from tokenop.events.log import open_log, write_log
from tokenop.events.validate import validate_file

Event = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def test_every_column_of_the_schema_is_there_typed_absent_ones_null(event: Event, jsonl: Write) -> None:
    with connect() as connection:
        log = open_log(connection, jsonl(event(batch=True), event(session_id="s")), name="calls_in")
        types = {row[0]: row[1] for row in connection.execute("DESCRIBE calls_in").fetchall()}
        wanted = {
            name: kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, kind in schema.types().items()
        }
        assert types == wanted
        rows = connection.execute("SELECT batch, session_id, prompt FROM calls_in ORDER BY id").fetchall()
        assert rows == [(True, None, None), (None, "s", None)]
        assert log.count == 2


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_values_survive_any_format(event: Event, jsonl: Write, tmp_path: Path, kind: str) -> None:
    row = event(
        ts="2026-03-01T14:00:00.123456+02:00", prompt='a "quote",\n\\ and é', input_tokens=None, usage_source="missing",
        prefix_hashes=["p", "q"], batch=False, cost_usd=0.000001234567,
    )  # fmt: skip
    with connect() as connection:
        open_log(connection, jsonl(row), name="first")
        path = tmp_path / f"log.{kind}"
        if kind == "csv":
            connection.execute(
                "COPY (SELECT * REPLACE (strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS ts, "
                f"to_json(prefix_hashes) AS prefix_hashes) FROM first) TO '{path}' (FORMAT csv, HEADER)"
            )
        else:
            write_log(connection, "first", path)
        open_log(connection, path, name="second")
        shown = "SELECT * REPLACE (ts::VARCHAR AS ts) FROM "
        assert connection.execute(shown + "second").fetchall() == connection.execute(shown + "first").fetchall()


def test_errors_are_raised_together_with_their_lines(event: Event, jsonl: Write) -> None:
    with connect() as connection, pytest.raises(FindingsError) as raised:
        open_log(connection, jsonl(event(), event(tenant=""), event(pattern_reused=True), event(input_tokens="1")))
    assert [finding.line for finding in raised.value.findings] == [2, 4]
    assert "2 of 4 events are wrong" in str(raised.value)


def test_warnings_come_with_the_log_as_one_summary_a_rule(event: Event, jsonl: Write) -> None:
    with connect() as connection:
        log = open_log(connection, jsonl(*[event(pattern_reused=True) for _ in range(3)]))
    assert [str(finding.severity) for finding in log.findings] == ["warning"]
    assert "3 events" in log.findings[0].message


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv", "log.parquet"])
def test_a_log_without_events_is_no_input(tmp_path: Path, event: Event, name: str) -> None:
    path = tmp_path / name
    path.write_text(",".join(event()) + "\n" if name.endswith("csv") else "")
    with connect() as connection:
        with pytest.raises(NoInputError):
            open_log(connection, path)
        if name.endswith("parquet"):
            write_log(connection, "(SELECT 'x' AS id WHERE false)", path)
            with pytest.raises(NoInputError):
                open_log(connection, path)


def test_required_columns_are_always_written_and_optional_ones_only_with_values(
    event: Event, jsonl: Write, tmp_path: Path
) -> None:
    with connect() as connection:
        open_log(connection, jsonl(event(batch=None, session_id="s", latency_ms=None)))
        write_log(connection, "events", tmp_path / "out.jsonl")
    written = json.loads((tmp_path / "out.jsonl").read_text())
    assert list(written) == [*[column.name for column in schema.columns() if column.required], "session_id"]
    assert (written["latency_ms"], written["ts"]) == (None, "2026-03-01T12:00:00.250Z")


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_same_events_in_any_order_give_the_same_bytes(
    event: Event, jsonl: Write, tmp_path: Path, kind: str
) -> None:
    with connect() as connection:
        open_log(connection, jsonl(*[event(ts=f"2026-03-01T12:00:{n % 7:02}Z") for n in range(5000)]))
        for number, order in enumerate(("id", "id DESC")):
            write_log(connection, f"SELECT * FROM events ORDER BY {order}", tmp_path / f"{number}.{kind}")
    assert (tmp_path / f"0.{kind}").read_bytes() == (tmp_path / f"1.{kind}").read_bytes()


def test_wrong_events_are_not_written_and_an_older_file_stays(event: Event, jsonl: Write, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("older")
    with connect() as connection:
        open_log(connection, jsonl(event()))
        with pytest.raises(FindingsError, match="nothing was written"):
            write_log(connection, "SELECT * REPLACE (-1 AS input_tokens) FROM events", target)
        with pytest.raises(InputError, match=r"\.jsonl or \.parquet"):
            write_log(connection, "events", tmp_path / "out.csv")
    assert target.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "out.jsonl"]


def written(event: Event, jsonl: Write, tmp_path: Path) -> Path:
    with connect() as connection:
        open_log(connection, jsonl(event(), event()))
        write_log(connection, "events", tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def test_the_hash_stands_in_the_metadata_of_a_parquet_log(event: Event, jsonl: Write, tmp_path: Path) -> None:
    path = written(event, jsonl, tmp_path)
    with connect() as connection:
        stated = connection.execute(f"SELECT decode(value) FROM parquet_kv_metadata('{path}')").fetchall()
        assert stated == [(open_log(connection, path).content_hash,)]


def test_a_parquet_log_rewritten_with_its_old_hash_is_found_by_validate(
    event: Event, jsonl: Write, tmp_path: Path
) -> None:
    path, forged = written(event, jsonl, tmp_path), tmp_path / "forged.parquet"
    with duckdb.connect() as connection:
        stated = connection.execute(f"SELECT decode(value) FROM parquet_kv_metadata('{path}')").fetchall()[0][0]
        connection.execute(
            f"COPY (SELECT * REPLACE (7 AS input_tokens) FROM '{path}') TO '{forged}' "
            f"(FORMAT parquet, KV_METADATA {{tokenop_content_hash: '{stated}'}})"
        )
    report = validate_file(forged)
    assert [(finding.rule, finding.severity) for finding in report.findings] == [("EV-HASH", "error")]
    assert report.exit_code == 1
    assert validate_file(path).findings == ()


def test_a_parquet_log_that_lost_rows_is_checked_and_hashed_anew(event: Event, jsonl: Write, tmp_path: Path) -> None:
    path, shorter = written(event, jsonl, tmp_path), tmp_path / "shorter.parquet"
    with connect() as connection:
        stated = open_log(connection, path).content_hash
        connection.execute(
            f"COPY (SELECT * FROM '{path}' LIMIT 1) TO '{shorter}' "
            f"(FORMAT parquet, KV_METADATA {{tokenop_content_hash: '{stated}'}})"
        )
        log = open_log(connection, shorter)
    assert log.content_hash != stated
    assert [finding.rule for finding in log.findings] == ["EV-HASH"]


def test_scratch_files_stay_in_the_folder_given(event: Event, jsonl: Write, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    with connect() as connection:
        open_log(connection, jsonl(event()), scratch=scratch)
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(1,)]
    assert [path.suffix for path in scratch.rglob("*") if path.is_file()] == [".parquet"]
