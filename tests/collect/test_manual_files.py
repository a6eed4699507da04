"""The collector for any table of calls: what becomes of a file, its format, its name and its lines."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest

from tests.collect.test_manual import CALL, call, runner
from tokenop import database
from tokenop.database import quoted
from tokenop.errors import InputError


@pytest.fixture
def rows(tmp_path, run_collector):
    return runner(tmp_path, run_collector)


UNSOUND = (
    (b'{"ts": "2026-03-02T09:00', "EV-JSON"),
    (b'{"model": "\xff"}', "EV-UTF8"),
    (b'{"model": "a\x00"}', "EV-NUL"),
    (b"[1, 2]", "EV-OBJECT"),
    (b'{"ts": 1, "ts": 2}', "EV-DUPLICATE-KEY"),
    (b'{"model": "' + b"x" * (17 << 20) + b'"}', "EV-LINE-LENGTH"),
)


def test_an_unsound_line_is_rejected_alone_with_its_number(rows):
    ran = rows(call(), "", *(line for line, _ in UNSOUND), call(model="last"))
    assert [rejected["rule"] for rejected in ran.rejected] == [rule for _, rule in UNSOUND]
    assert [rejected["line"] for rejected in ran.rejected] == list(range(3, len(UNSOUND) + 3))
    # In a line that cannot be read, nobody can tell what may be shown.
    assert all(rejected["raw"] is None for rejected in ran.rejected)
    assert len(ran.events) == 2


def test_line_numbers_hold_after_blank_and_unsound_lines(rows):
    ran = rows(call(), "", "", "{", call(), "nope", "", call(input_tokens=-1), "x", call(input_tokens=-2))
    assert [rejected["line"] for rejected in ran.rejected] == [4, 6, 8, 9, 10]


def test_a_line_of_ten_megabytes_is_read(rows):
    ran = rows(call(note="x" * (10 << 20)), call(model="next"))
    assert ran.counts == (2, 0, 0, 0)


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.csv"])
def test_byte_order_marks_and_windows_line_ends_are_fine(tmp_path, run_collector, name):
    text = (
        json.dumps(CALL) if name.endswith("l") else f"ts,model,input_tokens,output_tokens\r\n{CALL['ts']},gpt-4o,10,2"
    )
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert run_collector(path).counts == (1, 0, 0, 0)


def test_csv_with_broken_rows_keeps_the_others_and_true_line_numbers(rows):
    ran = rows(
        "ts,model,input_tokens,output_tokens",
        f'{CALL["ts"]},"two\nlines",10,2',
        f"{CALL['ts']},short,10",
        f"{CALL['ts']},long,10,2,3",
        "",
        f"{CALL['ts']},negative,-10,2",
        f"{CALL['ts']},\xff,10,2".encode("latin-1"),
        f"{CALL['ts']},nul\0,10,2",
        f"{CALL['ts']},last,10,2",
        f'{CALL["ts"]},"never closed,10,2',
        name="calls.csv",
    )
    assert sorted(event["model"] for event in ran.events) == ["last", "two\nlines"]
    assert [(rejected["line"], rejected["rule"]) for rejected in ran.rejected] == [
        (4, "CSV-FIELDS"),
        (5, "CSV-FIELDS"),
        (7, "EV-MIN"),
        (8, "LINE-BYTES"),
        (9, "LINE-BYTES"),
        (11, "CSV-SYNTAX"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_of_the_header(rows, delimiter):
    lines = ("ts,model,input_tokens,output_tokens", f"{CALL['ts']},m,10,2")
    assert len(rows(*(line.replace(",", delimiter) for line in lines), name="calls.csv").events) == 1


def test_parquet_json_arrays_and_gzip_are_read(tmp_path, run_collector):
    import duckdb

    parquet, array, packed = tmp_path / "c.parquet", tmp_path / "c.json", tmp_path / "c.jsonl.gz"
    duckdb.sql(
        "SELECT TIMESTAMPTZ '2026-03-02T09:00:00Z' AS ts, {'name': 'gpt-4o'} AS model, 10 AS input_tokens, "
        "2.0::DOUBLE AS output_tokens, [1, 2] AS prefix_hashes"
    ).write_parquet(str(parquet))
    array.write_text(json.dumps([CALL, CALL | {"input_tokens": -1}, 5], indent=2))
    packed.write_bytes(gzip.compress(json.dumps(CALL).encode()))
    (event,) = run_collector(parquet, maps=["model=model.name"]).events
    assert (event["model"], event["output_tokens"], event["prefix_hashes"]) == ("gpt-4o", 2, ["1", "2"])
    assert [rejected["line"] for rejected in run_collector(array).rejected] == [2, 3]
    assert run_collector(packed).counts == (1, 0, 0, 0)


def test_a_parquet_time_without_zone_is_rejected_without_tz(tmp_path, run_collector):
    import duckdb

    path = tmp_path / "c.parquet"
    duckdb.sql("SELECT TIMESTAMP '2026-03-02 09:00:00' AS ts, 1 AS input_tokens, 2 AS output_tokens").write_parquet(
        str(path)
    )
    assert run_collector(path).rejected[0]["rule"] == "EV-ZONE"
    assert run_collector(path, zone="UTC").counts == (1, 0, 0, 0)


def test_several_files_of_different_formats_give_one_log(tmp_path, run_collector):
    one, other = tmp_path / "a.jsonl", tmp_path / "b.csv"
    one.write_text(json.dumps({"timestamp": CALL["ts"], "prompt_tokens": 1, "completion_tokens": 1}) + "\n")
    other.write_text(f"ts;input_tokens;output_tokens\n{CALL['ts']};5;5\n")
    assert run_collector(tmp_path).counts == (2, 0, 0, 0)
    assert run_collector(one, one, tmp_path).counts == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"PAR1 nonsense", "c.parquet", "not a sound Parquet file"),
        (b"nonsense", "c.jsonl.gz", "not a sound gzip file"),
        (b"[{]", "c.json", "not a sound JSON array"),
        (b"\xff\xfet\x00s\x00", "c.csv", "not UTF-8"),
        (b"ts,input_tokens,output_tokens\r2026-03-02T09:00:00Z,1,2\r", "c.csv", "Unix line ends"),
        (b'ts,"input_tokens\n', "c.csv", "never closed"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_named(tmp_path, run_collector, content, name, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as error:
        run_collector(path)
    assert name in str(error.value)


def test_many_small_files_keep_their_own_line_numbers(tmp_path, run_collector):
    good, bad = json.dumps(CALL), json.dumps(CALL | {"input_tokens": -1})
    contents = {
        "a": f"{good}\n\n{bad}\n",
        "b": "",
        "c": f"\ufeffnope\n{bad}",
        "d": f"{bad}\n",
        "e": f"\n\n{good}\r\n{bad}",
    }
    for name, text in contents.items():
        (tmp_path / f"{name}.jsonl").write_bytes(text.encode())
    ran = run_collector(tmp_path)
    assert [(rejected["file"][-7], rejected["line"]) for rejected in ran.rejected] == [
        ("a", 3), ("c", 1), ("c", 2), ("d", 1), ("e", 4),
    ]  # fmt: skip
    assert sorted((event["_file"][-7], event["_line"]) for event in ran.events) == [("a", 1), ("e", 3)]


def test_a_value_nested_without_end_is_an_error_that_names_the_file(tmp_path, run_collector):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"deep\.json"):
        run_collector(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such file names")
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_file_name_that_is_no_text_is_read_and_shown_with_escapes(tmp_path, run_collector, suffix):
    path = os.fsencode(tmp_path) + b"/bad\xff." + suffix.encode()
    text = json.dumps(CALL) if suffix == "jsonl" else ",".join(CALL) + "\n" + ",".join(str(v) for v in CALL.values())
    Path(os.fsdecode(path)).write_text(text)
    for given in (tmp_path, Path(os.fsdecode(path))):
        (event,) = run_collector(given).events
        assert "bad\\udcff" in event["_file"]


def test_a_pattern_stands_for_the_files_that_match(tmp_path, run_collector):
    for name in ("a1", "a2", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(CALL))
    assert run_collector(tmp_path / "a*.jsonl").counts[0] == 2
    (tmp_path / "a[1].jsonl").write_text(json.dumps(CALL))
    (event,) = run_collector(tmp_path / "a[1].jsonl").events
    assert event["_file"].endswith("a[1].jsonl")


def test_the_first_line_of_a_spreadsheet_is_told_apart_from_a_header(rows):
    with pytest.raises(InputError, match="for spreadsheets"):
        rows("sep=;", "ts;input_tokens;output_tokens", name="calls.csv")


def test_parquet_files_may_have_columns_called_as_internal_ones(tmp_path, run_collector):
    path = tmp_path / "calls.parquet"
    with database.connect() as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMPTZ '2026-03-02 09:00:00+00' AS ts, n AS input_tokens, 2 AS output_tokens, "
            f"7 AS file_row_number, 'x' AS _file, 9 AS _line FROM range(3) AS numbers(n)) TO {quoted(str(path))}"
        )
    ran = run_collector(path)
    assert [(event["_line"], event["input_tokens"]) for event in sorted(ran.events, key=lambda e: e["_line"])] == [
        (1, 0), (2, 1), (3, 2),
    ]  # fmt: skip
