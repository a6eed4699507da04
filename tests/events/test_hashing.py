"""The content hash: one value for the same events, another for any other events."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.events import hashing, log_text, schema
from tokenop.events.log import open_log, write_log
from tokenop.events.log_job import Job

from .conftest import BASE

Event = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def hash_of(path: Path) -> str:
    with connect() as connection:
        return open_log(connection, path).content_hash


def reference(event: dict[str, Any]) -> int:
    """Hash one event in Python, as docs/events.md says: the definition that the SQL has to match."""
    text = ""
    for column in schema.columns():
        value = event.get(column.name)
        if column.required:
            written = plain(column.duckdb, value)
            text += f"{len(written.encode())}:{written}" if column.duckdb == "VARCHAR" else f"{written};"
        elif value is not None:
            written = plain(column.duckdb, value)
            text += f"|{hashing.tag(column.name)}={len(written.encode())}:{written}"
    return int.from_bytes(hashlib.md5(text.encode()).digest(), "little")


def plain(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "TIMESTAMPTZ":
        return str(round(datetime.fromisoformat(value).timestamp() * 1_000_000))
    if kind == "DOUBLE":
        micro = round(value * 1_000_000)
        return str(micro) if micro / 1_000_000 == value else f"d{value!r}"
    if kind.startswith("DECIMAL"):
        return f"{Decimal(str(value)):.12f}"
    if kind == "BOOLEAN":
        return str(value).lower()
    return str(value)


def test_the_hash_is_the_sum_of_the_documented_row_hashes(event: Event, jsonl: Write) -> None:
    rows = [
        event(),
        event(latency_ms=None, cost_usd=None, tenant="ünïcode|\x1f;:"),
        event(latency_ms=0.1234567891234, cost_usd=12.5, batch=True, cache_read_input_tokens=7, session_id="s"),
        event(cost_usd=2_000_000.25, ts="2026-03-01T12:00:00.123456+02:00", latency_ms=0),
    ]
    total = sum(reference(row) for row in rows) % 2**128
    assert hash_of(jsonl(*rows)) == f"4-{total:032x}"


def test_the_hash_of_a_known_log_never_changes(event: Event, jsonl: Write) -> None:
    """Pinned: a version of DuckDB or of TokenOp that hashes differently would disown every plan made before."""
    assert hash_of(jsonl(event(), event(cost_usd=None, batch=False))) == "2-f48e6d00d9dc86ae2fe82eb1317ce5ab"


def test_neither_order_nor_spelling_nor_empty_columns_change_the_hash(event: Event, jsonl: Write) -> None:
    rows = [event() for _ in range(500)]
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    spelled = [
        {"session_id": None, **dict(reversed(row.items())), "ts": "2026-03-01T13:00:00.250000+01:00"}
        for row in shuffled
    ]
    assert hash_of(jsonl(*spelled, name="b.jsonl")) == hash_of(jsonl(*rows))


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "growth "},
        {"input_tokens": 1201},
        {"latency_ms": 812.5000001},
        {"latency_ms": None},
        {"cost_usd": 0.003800000001},
        {"ts": "2026-03-01T12:00:00.250001Z"},
        {"session_id": ""},
        {"user_id": "x"},
        {"batch": False},
        {"prefix_hashes": []},
        {"intent": "extract_emailopenai", "provider": "openai"},
    ],
)
def test_any_change_of_an_event_changes_the_hash(event: Event, jsonl: Write, change: dict[str, Any]) -> None:
    assert hash_of(jsonl(event(id="x"), event(id="y"))) != hash_of(jsonl(event(id="x"), event(id="y", **change)))


def test_moving_text_between_neighbouring_fields_changes_the_hash(event: Event, jsonl: Write) -> None:
    one = jsonl(event(id="x", endpoint="ab", region="c"), name="one.jsonl")
    other = jsonl(event(id="x", endpoint="a", region="bc"), name="other.jsonl")
    assert hash_of(one) != hash_of(other)


def test_equal_rows_do_not_cancel(event: Event) -> None:
    with connect() as connection:
        fields = ", ".join(f"NULL::{kind} AS {name}" for name, kind in schema.types().items() if name != "id")
        names = list(schema.types())

        def of(ids: str) -> str:
            return hashing.content_hash(connection, f"(SELECT unnest({ids}) AS id, {fields})", names)

        assert len({of(ids) for ids in ("['a', 'a', 'b']", "['c', 'c', 'b']", "['b']", "['b', 'b', 'b']")}) == 4


def test_json_lines_and_parquet_of_the_same_events_have_the_same_hash(
    event: Event, jsonl: Write, tmp_path: Path
) -> None:
    rows = [
        event(cost_usd=123456.7890123, latency_ms=1 / 3, prefix_hashes=["a", 'b"'], prompt="\u2028 \\ é"),
        event(cost_usd=1e-12, quality_score=0.1, ts="2026-03-01T12:00:00.000001Z"),
    ]
    with connect() as connection:
        first = open_log(connection, jsonl(*rows))
        hashes = {
            write_log(connection, "events", tmp_path / f"again.{kind}").content_hash for kind in ("jsonl", "parquet")
        }
        hashes |= {open_log(connection, tmp_path / f"again.{kind}").content_hash for kind in ("jsonl", "parquet")}
    assert hashes == {first.content_hash}


@settings(max_examples=examples(5, 15), deadline=None)
# From 1,000 USD a call, a cost keeps seven decimals; one that is given with more may round either way by its format.
@given(
    st.lists(
        st.one_of(
            st.tuples(st.floats(0, 999.9), st.integers(0, 12)),
            st.tuples(st.floats(1000, 10_000_000), st.integers(0, 7)),
        ),
        min_size=1,
        max_size=50,
    ),
    st.data(),
)
def test_costs_and_latencies_hash_alike_however_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, costs: list[tuple[float, int]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("costs")
    latency = st.one_of(st.none(), st.floats(0, 1e9), st.integers(0, 10**9))
    rows = [
        {**BASE, "id": str(number), "cost_usd": round(cost, digits), "latency_ms": data.draw(latency)}
        for number, (cost, digits) in enumerate(costs)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with connect(spill_to=folder) as connection:
        job = Job(connection, folder / "log.jsonl", folder)
        fast, exact = log_text.fast_jsonl(job), log_text.exact_jsonl(job)
        assert fast is not None
        open_log(connection, folder / "log.jsonl", scratch=folder)
        again = write_log(connection, "events", folder / "again.parquet")
        write_log(connection, "events", folder / "again.jsonl")
    third = hash_of(folder / "again.jsonl")
    assert fast.content_hash == exact.content_hash == again.content_hash == third


def test_the_signs_of_the_optional_fields_differ() -> None:
    assert len({hashing.tag(name) for name in schema.types()}) == len(schema.types())
