"""`validate_file`: what is wrong in a log, with the line, the field and the rule."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tokenop.errors import InputError
from tokenop.events.validate import Report, validate_file

Event = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def rules(report: Report) -> list[tuple[int, str, str]]:
    return [(finding.line, finding.field, finding.rule) for finding in report.findings]


WRONG_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"input_tokens": -1}, "input_tokens", "EV-MIN"),
    ({"input_tokens": 10**13}, "input_tokens", "EV-MAX"),
    ({"input_tokens": 10**30}, "input_tokens", "EV-MAX"),
    ({"input_tokens": "17"}, "input_tokens", "EV-TYPE"),
    ({"input_tokens": True}, "input_tokens", "EV-TYPE"),
    ({"input_tokens": [17]}, "input_tokens", "EV-TYPE"),
    ({"input_tokens": 12.7}, "input_tokens", "EV-INTEGER"),
    ({"input_tokens": 1e-7}, "input_tokens", "EV-INTEGER"),
    ({"latency_ms": "fast"}, "latency_ms", "EV-TYPE"),
    ({"latency_ms": -0.5}, "latency_ms", "EV-MIN"),
    ({"latency_ms": ...}, "latency_ms", "EV-REQUIRED"),
    ({"cost_usd": 1e9}, "cost_usd", "EV-MAX"),
    ({"cost_usd": "0.1"}, "cost_usd", "EV-TYPE"),
    ({"cost_usd": -0.01}, "cost_usd", "SPEC-042-A-002"),
    ({"tenant": ...}, "tenant", "EV-REQUIRED"),
    ({"tenant": None}, "tenant", "EV-REQUIRED"),
    ({"tenant": ""}, "tenant", "EV-REQUIRED"),
    ({"tenant": 17}, "tenant", "EV-TYPE"),
    ({"tenant": {"name": "x"}}, "tenant", "EV-TYPE"),
    ({"tenant": "x" * 513}, "tenant", "EV-LENGTH"),
    ({"id": 17}, "id", "EV-TYPE"),
    ({"ts": "2026-03-01"}, "ts", "EV-ZONE"),
    ({"ts": "2026-03-01T12:00:00"}, "ts", "EV-ZONE"),
    ({"ts": "2026-03-01 12:00:00.5"}, "ts", "EV-ZONE"),
    ({"ts": "2026-02-30T12:00:00Z"}, "ts", "EV-TIME"),
    ({"ts": "2026-03-01T24:00:00Z"}, "ts", "EV-TIME"),
    ({"ts": "yesterday"}, "ts", "EV-TIME"),
    ({"ts": "infinity"}, "ts", "EV-TIME"),
    ({"ts": 1767225600}, "ts", "EV-TYPE"),
    ({"ts": "1999-01-01T00:00:00Z"}, "ts", "EV-EARLIEST"),
    ({"ts": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "ts", "EV-FUTURE"),
    ({"quality_score": 1.5}, "quality_score", "EV-MAX"),
    ({"usage_source": "guessed"}, "usage_source", "EV-ENUM"),
    ({"batch": "true"}, "batch", "EV-TYPE"),
    ({"batch": 1}, "batch", "EV-TYPE"),
    ({"attempt": 0}, "attempt", "EV-MIN"),
    ({"prefix_hashes": "abc"}, "prefix_hashes", "EV-TYPE"),
    ({"prefix_hashes": ["a", 1]}, "prefix_hashes", "EV-TYPE"),
    ({"prefix_hashes": [None]}, "prefix_hashes", "EV-TYPE"),
    ({"prefix_hashes": [""]}, "prefix_hashes", "EV-LENGTH"),
    ({"input_token": 17}, "input_token", "EV-UNKNOWN-FIELD"),
    ({"total_tokens": 1281}, "total_tokens", "SPEC-042-A-001"),
    ({"cache_read_input_tokens": 1201}, "cache_read_input_tokens", "EV-CACHE-SUBSET"),
    ({"cache_creation_1h_input_tokens": 5}, "cache_creation_1h_input_tokens", "EV-CACHE-1H-SUBSET"),
    ({"reasoning_output_tokens": 81}, "reasoning_output_tokens", "EV-REASONING-SUBSET"),
    ({"input_tokens": None, "usage_source": "reported"}, "usage_source", "EV-USAGE-MISSING"),
    ({"output_tokens": None}, "usage_source", "EV-USAGE-MISSING"),
    ({"cost_source": "unpriced"}, "cost_source", "EV-COST-SOURCE"),
]


@pytest.mark.parametrize(("change", "field", "rule"), WRONG_FIELDS)
def test_a_wrong_field_is_named_with_its_line_and_rule(
    event: Event, jsonl: Write, change: dict[str, Any], field: str, rule: str
) -> None:
    report = validate_file(jsonl(event(), event(**change), event()))
    assert rules(report) == [(2, field, rule)]
    assert (report.events, report.valid, report.invalid, report.exit_code) == (3, 2, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"input_tokens": 17.0},
        {"latency_ms": None, "cost_usd": None},
        {"latency_ms": 0},
        {"model": "some-model-nobody-knows"},
        {"ts": "2026-03-01T12:00:00.123456789+05:30"},
        {"ts": "2026-03-01t12:00:00z"},
        {"tenant": "17"},
        {"tenant": "true"},
        {"tenant": '[not "a" list]\n\\'},
        {"tenant": "é" * 512},
        {"session_id": "", "user_id": None},
        {"prefix_hashes": []},
        {"prefix_hashes": ["a", "b"], "batch": False},
        {"input_tokens": None, "output_tokens": None, "usage_source": "missing"},
        {"total_tokens": 1280, "cache_read_input_tokens": 1200},
        {"prompt": "x" * 10_000_000},
    ],
)
def test_unusual_but_sound_values_are_valid(event: Event, jsonl: Write, change: dict[str, Any]) -> None:
    report = validate_file(jsonl(event(), event(**change)))
    assert (report.findings, report.valid, report.exit_code) == ((), 2, 0)


def test_a_warning_names_its_line_and_does_not_fail(event: Event, jsonl: Write) -> None:
    report = validate_file(jsonl(event(), event(pattern_reused=True), event(pattern_reused=True, tokens_saved=5)))
    assert rules(report) == [(2, "tokens_saved", "SPEC-042-A-003")]
    assert (report.findings[0].severity, report.invalid, report.exit_code) == ("warning", 0, 0)


def test_an_unknown_field_suggests_the_nearest_one(event: Event, jsonl: Write) -> None:
    report = validate_file(jsonl(event(Input_Tokens=3)))
    assert "did you mean input_tokens?" in str(report.findings[0])


def test_a_repeated_id_is_wrong_on_the_later_line_and_names_the_first(event: Event, jsonl: Write) -> None:
    report = validate_file(jsonl(event(id="a"), event(id="b"), event(id="a"), event(id="a")))
    assert rules(report) == [(3, "id", "EV-UNIQUE"), (4, "id", "EV-UNIQUE")]
    assert "line 1" in report.findings[0].message
    assert report.valid == 2


BAD_LINES = [
    (b'{"id": "x", "ts":', "EV-JSON"),
    (b'{"id": "x",}', "EV-JSON"),
    (b'{"latency_ms": NaN}', "EV-JSON"),
    (b"[1]", "EV-OBJECT"),
    (b"17", "EV-OBJECT"),
    (b'{"id": "a\x00b"}', "EV-NUL"),
    (b'{"id": "\xff"}', "EV-UTF8"),
    (b'{"id": "a", "id": "b"}', "EV-DUPLICATE-KEY"),
    (b'{"id": "a"}{"id": "b"}', "EV-JSON"),
    (b'{"id": "\\ud800"}', "EV-JSON"),
    (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "EV-JSON"),
    (b'{"id": "' + b"x" * (17 * 2**20) + b'"}', "EV-LINE-LENGTH"),
]


@pytest.mark.parametrize(("line", "rule"), BAD_LINES, ids=[f"{rule}-{line[:20]!r}" for line, rule in BAD_LINES])
def test_a_line_that_is_no_object_is_named_and_the_others_count(
    event: Event, jsonl: Write, line: bytes, rule: str
) -> None:
    report = validate_file(jsonl(event(), line, b"", event()))
    assert rules(report) == [(2, "line", rule)]
    assert (report.events, report.valid, report.invalid) == (3, 2, 1)


def test_a_key_that_stands_twice_in_an_event_is_found_though_the_rest_is_clean(event: Event, jsonl: Write) -> None:
    twice = json.dumps(event())[:-1].encode() + b',"tenant":"again"}'
    report = validate_file(jsonl(event(), twice, event()))
    assert rules(report) == [(2, "line", "EV-DUPLICATE-KEY")]


def test_a_file_cut_in_its_last_line_keeps_the_lines_before(event: Event, jsonl: Write) -> None:
    path = jsonl(event(), event())
    path.write_bytes(path.read_bytes()[:-40])
    report = validate_file(path)
    assert (rules(report), report.valid) == ([(2, "line", "EV-JSON")], 1)


def test_byte_order_mark_crlf_and_blank_lines_are_tolerated(event: Event, jsonl: Write) -> None:
    path = jsonl(event(), b"", event(), b"   ", end=b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    report = validate_file(path)
    assert (report.findings, report.valid, report.exit_code) == ((), 2, 0)


def test_one_event_without_a_final_line_feed_is_a_log(event: Event, jsonl: Write) -> None:
    assert validate_file(jsonl(event(), end=b"")).valid == 1


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_a_log_without_events_exits_3(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    report = validate_file(path)
    assert (report.events, report.findings, report.exit_code) == (0, (), 3)


def test_more_findings_than_the_limit_are_counted(event: Event, jsonl: Write) -> None:
    report = validate_file(jsonl(*[event(tenant="") for _ in range(50)], *[b"{" for _ in range(50)]), limit=3)
    assert [finding.line for finding in report.findings] == [1, 2, 3]
    assert (report.more, report.invalid) == (97, 100)


def test_findings_come_in_order_of_lines_whatever_finds_them(event: Event, jsonl: Write) -> None:
    path = jsonl(b"{", event(tenant=""), b"[]", event(id="a"), event(id="a"), b"{", event(oops=1))
    assert [finding.line for finding in validate_file(path).findings] == [1, 2, 3, 5, 6, 7]


def test_a_field_first_seen_late_in_the_file_is_checked_too(event: Event, jsonl: Write) -> None:
    rows = [event() for _ in range(3000)]
    assert validate_file(jsonl(*rows, event(session_id="s", batch=True))).valid == 3001
    assert rules(validate_file(jsonl(*rows, event(batch="yes")))) == [(3001, "batch", "EV-TYPE")]
    assert rules(validate_file(jsonl(*rows, event(bath=True)))) == [(3001, "bath", "EV-UNKNOWN-FIELD")]
    assert rules(validate_file(jsonl(*rows, event(tenant=17)))) == [(3001, "tenant", "EV-TYPE")]
    assert rules(validate_file(jsonl(*rows, event(cost_usd=...)))) == [(3001, "cost_usd", "EV-REQUIRED")]


@pytest.mark.parametrize("change", [{}, {"tenant": ""}])
def test_a_folder_pipe_loop_or_absent_file_is_an_input_error(tmp_path: Path, change: dict[str, Any]) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    for name in ("pipe.jsonl", "loop.jsonl", "folder.jsonl", "absent.jsonl", "notes.txt", "folder.jsonl/x.jsonl"):
        with pytest.raises(InputError, match=name.split("/")[0].replace(".", r"\.")):
            validate_file(tmp_path / name)


def test_a_file_without_permission_is_an_input_error(
    event: Event, jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = jsonl(event())
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: let the system call fail as it would for others

        def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        validate_file(path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_csv_log_is_checked_with_true_lines_despite_line_feeds_in_cells(event: Event, tmp_path: Path) -> None:
    rows = [event(prompt="two\nlines"), event(input_tokens="12.7"), event(input_tokens="1_000"), event(tenant="")]
    report = validate_file(write_csv(tmp_path / "log.csv", rows))
    assert rules(report) == [
        (4, "input_tokens", "EV-INTEGER"),
        (5, "input_tokens", "EV-TYPE"),
        (6, "tenant", "EV-REQUIRED"),
    ]
    assert report.valid == 1


def test_a_clean_csv_log_is_valid_with_empty_cells_as_null(event: Event, tmp_path: Path) -> None:
    rows = [event(batch="True", latency_ms="", input_tokens="17.0"), event(batch="", prefix_hashes='["a"]')]
    assert validate_file(write_csv(tmp_path / "log.csv", rows)).as_dict() == {
        "events": 2,
        "valid": 2,
        "invalid": 0,
        "findings": [],
        "more": 0,
    }


def test_a_csv_row_with_too_few_cells_or_bad_bytes_is_named(event: Event, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", [event(), event()])
    path.write_bytes(path.read_bytes() + b"a,b\r\n\xff,b\r\n")
    assert rules(validate_file(path)) == [(4, "line", "EV-CSV"), (5, "line", "EV-UTF8")]


def test_a_csv_header_that_lacks_a_column_is_named_once(event: Event, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", [event(tenant=..., tennant="x") for _ in range(5)])
    report = validate_file(path)
    assert rules(report) == [(1, "tenant", "EV-REQUIRED"), (1, "tennant", "EV-UNKNOWN-FIELD")]
    assert (report.events, report.invalid) == (5, 5)


def parquet(path: Path, select: str) -> Path:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    connection.close()
    return path


PARQUET = """SELECT 'c' || i AS id, TIMESTAMPTZ '2026-03-01 12:00:00+00' AS ts, 'x' AS intent, 'openai' AS provider,
    'gpt-4o' AS model, 10 AS input_tokens, 5 AS output_tokens, 1.5::DOUBLE AS latency_ms, 0.1::DOUBLE AS cost_usd,
    'e' AS endpoint, 'r' AS region, 't' AS tenant FROM range(3) AS t(i)"""


def test_a_parquet_log_is_checked_by_row_number(tmp_path: Path) -> None:
    assert validate_file(parquet(tmp_path / "good.parquet", PARQUET)).valid == 3
    bad = PARQUET.replace("10 AS input_tokens", "(10 - i * 6)::DOUBLE AS input_tokens").replace(
        "1.5::DOUBLE", "CASE WHEN i = 1 THEN 'nan'::DOUBLE ELSE 1 END"
    )
    report = validate_file(parquet(tmp_path / "bad.parquet", bad))
    assert rules(report) == [(2, "latency_ms", "EV-NAN"), (3, "input_tokens", "EV-MIN")]


def test_parquet_columns_of_wrong_type_are_named_once(tmp_path: Path) -> None:
    bad = PARQUET.replace("10 AS input_tokens", "'10' AS input_tokens").replace("TIMESTAMPTZ", "TIMESTAMP")
    report = validate_file(parquet(tmp_path / "bad.parquet", bad))
    assert rules(report) == [(0, "ts", "EV-ZONE"), (0, "input_tokens", "EV-TYPE")]
    assert report.invalid == report.events == 3


def test_a_file_that_only_claims_to_be_parquet_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        validate_file(tmp_path / "log.parquet")
