"""Holding a collector against its own sample: what it must find there stands beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenop import database, sqltree
from tokenop.collect import engine, manifest, run, sources
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.database import quoted
from tokenop.errors import Finding, FindingsError, InputError, TokenOpError
from tokenop.events.schema import columns

EXPECTED = "expected.jsonl"
SAMPLE_RULE, EXPECTED_RULE, FILES_RULE, MAP_RULE = (
    "COLLECTOR-SAMPLE",
    "COLLECTOR-EXPECTED",
    "COLLECTOR-FILES",
    "COLLECTOR-MAP",
)
_MOST_DIFFERENCES = 20
# What is checked may come from anyone: a sample is a few rows, and a map.sql that needs long for them is wrong.
_LARGEST_SAMPLE = 1_000_000
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one collector. The counts are those of its sample, absent where it could not run."""

    name: str
    findings: tuple[Finding, ...]
    counts: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "collector": self.name,
            "ok": not self.findings,
            "counts": self.counts,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check(folder: Path) -> Checked:
    """Check the collector in `folder`: manifest, map.sql, and that its sample gives exactly what is expected."""
    readme = folder / "README.md"
    if readme.is_symlink():
        return Checked(
            folder.name, (_finding(readme, FILES_RULE, "is a symbolic link; put the file itself there"),), {}
        )
    try:
        found = manifest.load(folder)
    except FindingsError as error:
        return Checked(folder.name, error.findings, {})
    except InputError as error:
        return Checked(folder.name, (_finding(folder / "README.md", FILES_RULE, str(error)),), {})
    problems = list(_files(found)) or list(_types(found)) or list(_map(found))
    if problems:
        return Checked(found.name, tuple(problems), {})
    try:
        events, counts = outcome(found)
    except FindingsError as error:
        return Checked(found.name, error.findings, {})
    except TokenOpError as error:
        return Checked(found.name, (_finding(_sample(found), SAMPLE_RULE, str(error)),), {})
    return Checked(found.name, tuple(_differences(found, events)), counts)


def outcome(collector: Manifest) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the events that the collector's sample gives, in order of time and id, and the counts."""
    with tempfile.TemporaryDirectory(prefix="tokenop-check-") as folder, database.connect() as connection:
        scratch = Path(folder)
        files = sources.find(collector, [_sample(collector)], scratch)
        # Where a sample lies must not show in what it gives.
        files = [sources.SourceFile(file.path, _sample(collector).name, file.kind) for file in files]
        collected = engine.collect(connection, collector, files, Options(), scratch, seconds=_SECONDS)
        run.settle(connection, [collected], Options())
        counted = run.count(connection, [collected])
        target = scratch / "events.jsonl"
        values = ", ".join(
            f"strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS {column.name}" if column.name == "ts"
            else f"CAST({column.name} AS DOUBLE) AS {column.name}" if column.duckdb.startswith("DECIMAL")
            else column.name
            for column in columns()
        )  # fmt: skip
        connection.execute(
            f"COPY (SELECT {values} FROM settled WHERE _status = 'event' ORDER BY settled.ts, id) "
            f"TO {quoted(str(target))} (FORMAT json)"
        )
        events = [_plain(json.loads(line)) for line in target.read_text(encoding="utf-8").splitlines()]
    counts = {
        "rows_in": counted.rows_in,
        "events": counted.events,
        "duplicates": counted.duplicates,
        "rejected": counted.rejected,
        "filtered": counted.filtered,
    }
    return events, counts


def render(events: list[dict[str, Any]]) -> str:
    """Return the content of expected.jsonl for `events`."""
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is absent, but never one of the twelve fields that every event states."""
    required = {column.name for column in columns() if column.required}
    return {name: value for name, value in event.items() if value is not None or name in required}


def _sample(collector: Manifest) -> Path:
    found = sorted(collector.folder.glob("sample.*"))
    return found[0] if found else collector.folder / "sample.jsonl"


def _files(collector: Manifest) -> Iterator[Finding]:
    for path in (collector.map_file, _sample(collector), collector.folder / EXPECTED):
        if path.is_symlink():
            # It could point at any file of whoever runs the check, and findings quote what is in it.
            yield _finding(path, FILES_RULE, "is a symbolic link; put the file itself there")
        elif not path.is_file():
            yield _finding(path, FILES_RULE, "is missing")
        elif path.stat().st_size > _LARGEST_SAMPLE:
            yield _finding(path, FILES_RULE, f"is larger than {_LARGEST_SAMPLE // 1000:,} KB; a few rows are enough")


def _types(collector: Manifest) -> Iterator[Finding]:
    import duckdb

    with database.connect() as connection:
        for name, kind in collector.columns.items():
            try:
                connection.execute(f"SELECT CAST(NULL AS {kind})")
            except duckdb.Error as error:
                message = f"input.columns.{name}: {kind} is not a type: {str(error).splitlines()[0]}"
                yield _finding(collector.folder / "README.md", manifest.RULE, message)


def _map(collector: Manifest) -> Iterator[Finding]:
    try:
        text = collector.map_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield _finding(collector.map_file, MAP_RULE, f"cannot be read: {error}")
        return
    for problem in sqltree.check_select(
        text, {"source": collector.staged_columns}, {setting.name for setting in collector.settings}
    ):
        line = 0 if problem.position is None else text.count("\n", 0, problem.position) + 1
        yield Finding(str(collector.map_file), line, "map.sql", MAP_RULE, "error", problem.message, fix=problem.fix)


def _differences(collector: Manifest, events: list[dict[str, Any]]) -> Iterator[Finding]:
    path = collector.folder / EXPECTED
    expected: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield _finding(path, EXPECTED_RULE, f"is not JSON: {error}", number)
            return
        if not isinstance(event, dict):
            yield _finding(path, EXPECTED_RULE, "is JSON, but not an object", number)
            return
        expected.append((number, event))
    given = {str(event["id"]): event for event in events}
    wanted = {str(event.get("id")): (line, event) for line, event in expected}
    shown = 0
    for name, (place, event) in wanted.items():
        message = _difference(name, event, given.get(name))
        if message and shown < _MOST_DIFFERENCES:
            shown += 1
            yield _finding(path, EXPECTED_RULE, message, place)
    for name in given:
        if name not in wanted and shown < _MOST_DIFFERENCES:
            shown += 1
            yield _finding(path, EXPECTED_RULE, f"the sample also gives {name}, which is not expected", len(expected))


def _difference(name: str, wanted: dict[str, Any], given: dict[str, Any] | None) -> str:
    if given is None:
        return f"the sample does not give {name}"
    parts = [
        f"{key}: expected {json.dumps(wanted.get(key))}, got {json.dumps(given.get(key))}"
        for key in sorted({*wanted, *given})
        if wanted.get(key) != given.get(key)
    ]
    return f"{name}: {'; '.join(parts)}" if parts else ""


def _finding(path: Path, rule: str, message: str, line: int = 0) -> Finding:
    return Finding(str(path), line, path.name, rule, "error", message)
