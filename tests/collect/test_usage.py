"""Usage records: every row of every collector of them is accounted for, whatever the rows look like."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records
from tokenop import database
from tokenop.collect import manifest, options, settling, sources, usage
from tokenop.events import usage as files
from tokenop.events.schema import USAGE, types
from tokenop.settings import content

NAMES = [name for name in manifest.names() if manifest.find(name).kind == "usage"]
ODD = [
    None,
    "",
    "x",
    -1,
    1e300,
    12.7,
    "12.7",
    True,
    [],
    {},
    [None],
    {"a": None},
    "2026-13-45",
    10**30,
    "NaN",
    "\x1f",
    "infinity",
    "290000-01-01 00:00:00+00",
    "294246-12-31T00:00:00Z",
    17 * 10**37,
    9223372036854775807,
    "1e400",
]


def rows_of(name: str) -> list[Any]:
    sample = next(path for path in (content("collectors") / name).glob("sample.*"))
    if sample.suffix == ".csv":
        return list(csv.DictReader(sample.read_text(encoding="utf-8").splitlines()))
    return [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]


def mutated(value: Any, chance: random.Random) -> Any:
    """Return `value` with about one part in eight replaced, removed or added."""
    if chance.random() < 0.05:
        return chance.choice(ODD)
    if isinstance(value, dict):
        kept = {key: mutated(item, chance) for key, item in value.items() if chance.random() > 0.04}
        return {**kept, "extra": 1} if chance.random() < 0.05 else kept
    if isinstance(value, list):
        return [mutated(item, chance) for item in value if chance.random() > 0.04]
    return chance.choice(ODD) if chance.random() < 0.08 else value


@pytest.mark.parametrize("name", NAMES)
def test_mutated_rows_become_records_or_are_rejected_with_a_reason(name: str, tmp_path: Path) -> None:
    chance = random.Random(20261122)
    rows = rows_of(name)
    path = tmp_path / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(400):
            line = json.dumps(mutated(chance.choice(rows), chance))
            file.write((line if chance.random() > 0.03 else line[: len(line) // 2]) + "\n")
    found = Records(name, tmp_path / "scratch", path)
    assert found.counts.rows_in >= 400
    assert found.counts.records
    assert found.counts.rejected
    assert all(found.reasons)


def test_two_collectors_at_once_give_the_sum_of_the_parts(tmp_path: Path) -> None:
    alone = {}
    for name in NAMES:
        sample = next((content("collectors") / name).glob("sample.*"))
        alone[name] = Records(name, tmp_path / name, sample).counts.records
    parts = []
    with database.connect() as connection:
        for name in NAMES:
            collector = manifest.find(name)
            scratch = tmp_path / f"together-{name}"
            scratch.mkdir()
            found = sources.find(collector, list(collector.folder.glob("sample.*")), scratch)
            parts.append(usage.collect(connection, collector, found, options.Options(), scratch))
        settling.settle(connection, parts, options.Options(), USAGE)
        assert settling.count(connection, parts, USAGE).records == sum(alone.values())


def test_a_period_must_lie_in_the_time_that_was_asked_for(tmp_path: Path) -> None:
    collector = manifest.find("openai-admin")
    chosen = options.parse(since="2026-08-25T06:00:00Z")
    with database.connect() as connection:
        found = sources.find(collector, list(collector.folder.glob("sample.*")), tmp_path)
        part = usage.collect(connection, collector, found, chosen, tmp_path)
        settling.settle(connection, [part], chosen, USAGE)
        counted = settling.count(connection, [part], USAGE)
    assert counted.sources[0]["filtered_because"][settling.OUTSIDE] == 6
    assert counted.records == 1


def test_what_is_written_is_read_back_the_same(tmp_path: Path) -> None:
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in types(USAGE).items())
    path = tmp_path / "usage.jsonl"
    with database.connect() as connection:
        connection.execute(
            f"CREATE TABLE given AS SELECT * REPLACE ('a' AS id, 's' AS source, 'aws' AS provider, "
            "TIMESTAMPTZ '2026-08-25 00:00:00+00' AS period_start, TIMESTAMPTZ '2026-08-26 00:00:00+00' AS period_end, "
            "123456789.123456789012::DECIMAL(38,12) AS quantity, 'DBU' AS unit, "
            "-0.000000000001::DECIMAL(38,12) AS cost, "
            f"'USD' AS currency, 'billed' AS cost_kind, 5 AS request_count) FROM (SELECT {columns})"
        )
        assert files.write_usage(connection, "given", path) == 1
        files.open_usage(connection, path, "again", tmp_path / "scratch")
        assert (
            connection.execute("SELECT quantity, cost, request_count FROM again").fetchone()
            == connection.execute("SELECT round(quantity, 7), cost, request_count FROM given").fetchone()
        )
        before = path.read_bytes()
        files.write_usage(connection, "again", path)
    assert b'"period_start":"2026-08-25T00:00:00Z"' in before
    assert json.loads(before)["cost"] == -1e-12
