"""Running a shipped collector of usage records over files, for the tests of its traps."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop import database
from tokenop.collect import manifest, options, settling, sources, usage
from tokenop.events.schema import USAGE, types
from tokenop.settings import content


class Records:
    """What the collector `name` made of some files: its records, counts and reasons. Each row is accounted for."""

    def __init__(self, name: str, scratch: Path, *paths: Path, **settings: str) -> None:
        collector = manifest.load(content("collectors") / name)
        chosen = options.Options(settings=settings)
        scratch.mkdir()
        with database.connect() as connection:
            files = sources.find(collector, paths, scratch)
            collected = usage.collect(connection, collector, files, chosen, scratch)
            settling.settle(connection, [collected], chosen, USAGE)
            self.counts = settling.count(connection, [collected], USAGE)
            fields = ", ".join(
                f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS {name}"
                if kind == "TIMESTAMPTZ"
                else name
                for name, kind in types(USAGE).items()
            )
            result = connection.execute(
                f"SELECT {fields} FROM (SELECT * FROM settled_usage WHERE _status = 'event' ORDER BY _file, _line, id)"
            )
            self.all = [dict(zip(types(USAGE), row, strict=True)) for row in result.fetchall()]
            self.reasons = [
                row[0] for row in connection.execute("SELECT message FROM quarantined_usage ORDER BY ALL").fetchall()
            ]
        counts = self.counts
        assert counts.rows_in == counts.records + counts.duplicates + counts.rejected + counts.filtered

    @property
    def only(self) -> dict[str, Any]:
        (record,) = self.all
        return record

    @property
    def left_out(self) -> dict[str, int]:
        found: dict[str, int] = self.counts.sources[0]["filtered_because"]
        return found

    def total(self, field: str) -> Any:
        return sum((record[field] for record in self.all if record[field] is not None), Decimal(0))


def lines(path: Path, *documents: Any) -> Path:
    """Write documents as JSON lines."""
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path
