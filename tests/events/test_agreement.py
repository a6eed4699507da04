"""The fast way into a log and the exact one judge alike, as does a third judge written without SQL."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.errors import TokenOpError
from tokenop.events import log_text, schema
from tokenop.events.log_ingest import ingest
from tokenop.events.log_job import Ingested, Job
from tokenop.events.validate import validate_file

from .conftest import BASE

SCHEMA = {key: value for key, value in schema.document().items() if not key.startswith("x-")}
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)


def third_judge(event: dict[str, Any]) -> bool:
    """Return whether an event is valid, by jsonschema and plain Python."""
    if not jsonschema.Draft202012Validator(SCHEMA).is_valid(event):
        return False
    if not TIME.fullmatch(event["ts"]):
        return False
    try:
        ts = datetime.fromisoformat(event["ts"].upper())
    except ValueError:
        return False
    if not datetime(2015, 1, 1, tzinfo=UTC) <= ts <= datetime.now(UTC) + timedelta(days=1):
        return False
    get = event.get
    tokens_in, tokens_out, cost = event["input_tokens"], event["output_tokens"], event["cost_usd"]
    if (tokens_in is None or tokens_out is None) and get("usage_source") != "missing":
        return False
    if None not in (get("total_tokens"), tokens_in, tokens_out) and get("total_tokens") != tokens_in + tokens_out:
        return False
    cached, created = get("cache_read_input_tokens") or 0, get("cache_creation_input_tokens") or 0
    return not (
        (cost is not None and cost < 0)
        or (tokens_in is not None and cached + created > tokens_in)
        or (get("cache_creation_1h_input_tokens") or 0) > created
        or (tokens_out is not None and (get("reasoning_output_tokens") or 0) > tokens_out)
        or (get("cost_source") == "unpriced" and cost is not None)
        or (get("cost_source") in ("reported", "priced") and cost is None)
    )


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 17, 10**12, 10**12 + 1, 10**20, -(10**20), 2**63]),
    st.sampled_from([0.0, -0.0, 0.5, 12.7, 17.0, 1e3, 1e-7, 1e12, 1e13, 1e300, -0.1, 0.1 + 0.2]),
    st.sampled_from(
        ["", "17", "12.7", "true", "null", "NaN", "inf", "1_000", " 17", "[1]", '{"a":1}', "reported", "missing"]
    ),
    st.sampled_from(['"', "\\", 'a"b', "é", "\u2028", "\t\n", "x" * 512, "é" * 513, "\u0000", "\x1f", "unpriced"]),
    st.text(max_size=5),
    st.lists(st.one_of(st.text(max_size=3), st.none(), st.integers(0, 3)), max_size=3),
    st.just({"a": 1}),
)
TIMES = st.one_of(
    st.sampled_from(["2026-03-01", "2026-03-01T00:00:00", "2026-03-01T24:00:00Z", "2026-02-30T00:00:00Z", "epoch"]),
    st.sampled_from(["2026-03-01 00:00:00Z", "2026-03-01t00:00:00z", "2014-12-31T23:59:59Z", "2015-01-01T00:00:00Z"]),
    st.sampled_from(["2099-01-01T00:00:00Z", "infinity", "2026-03-01T00:00:00+05:30", "2026-03-01T00:00:00+0530"]),
    st.sampled_from(["2026-03-01T00:00:00-23:59", "2026-03-01T00:00:60Z", "2026-03-01T00:00:00 Europe/Berlin"]),
    st.sampled_from(["2026-3-1T00:00:00Z", " 2026-03-01T00:00:00Z", "2026-03-01T00:00:00.123Z"]),
    ANYTHING,
)
FIELDS = st.one_of(
    st.tuples(st.sampled_from([name for name in schema.types() if name != "id"]), ANYTHING),
    st.tuples(st.just("ts"), TIMES),
    st.tuples(st.sampled_from(["tokens", "ID", "input tokens", "", "_line", "a\x1fb", "tokenop line"]), ANYTHING),
    st.tuples(st.sampled_from(list(BASE)), st.just(...)),
)
EVENTS = st.lists(st.lists(FIELDS, max_size=2).map(dict), min_size=1, max_size=6)


def events_of(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [{**BASE, "id": f"call-{number}", **change} for number, change in enumerate(changes)]
    return [{name: value for name, value in row.items() if value is not ...} for row in rows]


def both_ways(path: Path, scratch: Path) -> tuple[Ingested | None, Ingested]:
    with connect(spill_to=scratch) as connection:
        job = Job(connection, path, scratch)
        return log_text.fast_jsonl(job), log_text.exact_jsonl(job)


@settings(max_examples=examples(16, 50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS)
def test_three_judges_agree_on_which_events_are_valid(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    rows = events_of(changes)
    folder = tmp_path_factory.mktemp("agree")
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    expected = [number for number, row in enumerate(rows, 1) if not third_judge(row)]
    fast, exact = both_ways(folder / "log.jsonl", folder)
    found = sorted({finding.line for finding in exact.findings if finding.severity == "error"})
    assert found == expected
    assert exact.invalid == len(expected)
    if fast is not None:
        assert expected == []
        assert (fast.rows, fast.invalid, fast.content_hash) == (len(rows), 0, exact.content_hash)


@settings(max_examples=examples(6, 15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from([n for n in schema.types() if n not in BASE]), st.none()), max_size=5))
def test_the_fast_way_takes_every_clean_log(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("fast")
    rows = events_of([{}, *changes])
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fast, exact = both_ways(folder / "log.jsonl", folder)
    assert fast is not None
    assert (fast.rows, fast.content_hash) == (len(rows), exact.content_hash)


PIECES = st.one_of(
    st.just(json.dumps(BASE).encode() + b"\n"),
    st.sampled_from([b"\n", b"\r\n", b"{", b"}", b"{}", b"[]", b'"', b",", b"\x00", b"\xff"]),
    st.sampled_from([b"\xef\xbb\xbf", b"NaN", b"\\"]),
    st.binary(max_size=12),
    st.just(json.dumps(BASE).encode()[:-1]),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=8).map(b"".join), st.sampled_from([".jsonl", ".csv", ".parquet"]))
def test_any_bytes_give_a_report_or_an_expected_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, extension: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / f"log{extension}"
    path.write_bytes(content)
    try:
        report = validate_file(path)
    except TokenOpError:
        return
    assert report.events == report.valid + report.invalid
    assert (report.invalid > 0) == any(finding.severity == "error" for finding in report.findings) or report.events == 0


CELLS = st.one_of(
    st.sampled_from(["17", "17.0", "12.7", "1e3", "NaN", "", "true", "TRUE", "a,b", 'a"b', "a\nb", "+5", "007"]),
    st.text(max_size=4),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["input_tokens", "tenant", "latency_ms", "batch"]), CELLS),
        min_size=1,
        max_size=5,
    )
)
def test_both_ways_agree_on_csv(tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]]) -> None:
    import csv

    folder = tmp_path_factory.mktemp("csv")
    path = folder / "log.csv"
    names = [*BASE, "batch"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows({"batch": "", **row} for row in events_of(changes))
    with connect(spill_to=folder) as connection:
        job = Job(connection, path, folder)
        fast = log_text.fast_csv(job, names)
        exact = log_text.exact_csv_log(job, names, [])
    if fast is not None:
        assert (fast.rows, exact.invalid, fast.content_hash) == (exact.rows, 0, exact.content_hash)
    else:
        assert exact.invalid or "\0" in path.read_text(encoding="utf-8", newline="") or exact.rows


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.randoms())
def test_the_hash_does_not_depend_on_order_and_counts_every_row(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[int], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("hash")
    rows = events_of([{"input_tokens": count} for count in tokens])
    hashes = []
    for _ in range(2):
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        hashes.append(ingest(folder / "log.jsonl", folder).content_hash)
        random.shuffle(rows)
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[1:]) or "\n", encoding="utf-8")
    assert hashes[0] == hashes[1] != ingest(folder / "log.jsonl", folder).content_hash
