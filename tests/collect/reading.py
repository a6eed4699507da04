"""Running a shipped collector over files, for the tests of its traps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenop import database
from tokenop.collect import engine, manifest, options, run, sources
from tokenop.collect.run import Discovery
from tokenop.events.schema import types


class Read:
    """What the collector in `folder` made of some files: its events, counts, reasons, and all that it wrote."""

    def __init__(self, folder: Path, path: Path, scratch: Path, settings: dict[str, str] | None = None) -> None:
        collector = manifest.load(folder)
        chosen = options.Options(settings=settings or {})
        scratch.mkdir()
        with database.connect() as connection:
            files = sources.find(collector, [path], scratch)
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
