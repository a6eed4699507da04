"""Running a shipped collector over files, for the tests of its traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tokenop import database, sqltree
from tokenop.collect import confined, confined_child, engine, manifest, options, run, sources
from tokenop.collect.run import Discovery
from tokenop.events.schema import types


def run_here(
    sql: str,
    inputs: Mapping[str, confined.Relation],
    output: Path,
    variables: Mapping[str, str],
    seconds: float = 600,
    name: str = "map.sql",
    finish: Callable[[Mapping[str, str]], str] = confined.as_they_are,
) -> None:
    """Do what the confined process does, with the same code, in this process: its start takes longest by far.

    tests/collect/test_confined.py is about the process; `tokenop collectors check` runs each collector in it.
    """
    assert not sqltree.check_select(sql, set(inputs), set(variables))
    request = confined._request(sql, inputs, output, output.parent, variables, 4096, seconds)
    with confined_child.prepare(request) as connection:
        columns = confined_child.described(connection, request)
        confined_child.run(connection, request, {"finish": finish(columns)})


class Read:
    """What the collector in `folder` made of some files: its events, counts, reasons, and all that it wrote."""

    def __init__(self, folder: Path, path: Path, scratch: Path, settings: dict[str, str] | None = None) -> None:
        collector = manifest.load(folder)
        chosen = options.Options(settings=settings or {})
        scratch.mkdir()
        with database.connect() as connection:
            files = sources.find(collector, [path], scratch)
            with mock.patch.object(confined, "run_map", run_here):
                collected = engine.collect(connection, collector, files, chosen, scratch)
            run.settle(connection, [collected], chosen)
            self.counts: Discovery = run.count(connection, [collected])
            fields = ", ".join(f"CAST({name} AS VARCHAR) AS ts" if name == "ts" else name for name in types())
            result = connection.execute(f"SELECT {fields} FROM settled WHERE _status = 'event' ORDER BY ts, id")
            self.events = [dict(zip(types(), row, strict=True)) for row in result.fetchall()]
            self.reasons = [
                row[0] for row in connection.execute("SELECT message FROM quarantined ORDER BY ALL").fetchall()
            ]
            self.written = b"".join(part.read_bytes() for part in scratch.rglob("*") if part.is_file())
        counts = self.counts
        assert counts.rows_in == counts.events + counts.duplicates + counts.rejected + counts.filtered

    @property
    def event(self) -> dict[str, Any]:
        (only,) = self.events
        return only

    @property
    def left_out(self) -> dict[str, int]:
        found: dict[str, int] = self.counts.sources[0]["filtered_because"]
        return found
