"""From made-up calls to a log: order them, number them, write them."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tokenop.database import connect, quoted
from tokenop.events import schema
from tokenop.sample import ID_PREFIX
from tokenop.sample.calls import DAYS, FIRST_DAY, Month


def finished(made: Month, days: int = DAYS) -> list[dict[str, object]]:
    """Return the calls of the first `days` days in order of time, each a dict of event fields with `ts` as text."""
    first = round(datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp() * 1000)
    end = first + days * 86_400_000

    # A session that runs over midnight of the last day is cut there, as an export of a month would.
    def moment(row: dict[str, object]) -> int:
        at = row["ts"]
        assert isinstance(at, int)
        return at

    kept = sorted((row for row in made.rows if moment(row) < end), key=moment)
    for number, row in enumerate(kept, start=1):
        row["id"] = f"{ID_PREFIX}{number:06d}"
        at = datetime.fromtimestamp(moment(row) / 1000, UTC)
        row["ts"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row.setdefault("cost_usd", None)
        # What `discover` says of a call whose source reports no cost, so that it gives back this very log.
        row.setdefault("cost_source", "unpriced")
    return kept


def write(path: Path, rows: list[dict[str, object]]) -> str:
    """Write calls to `path` (.parquet or .jsonl) and return the content hash of the log.

    Raises:
        InputError: `path` cannot be written.
    """
    from tokenop.events.log import write_log

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        columns = "{" + ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in schema.types().items()) + "}"
        source = f"SELECT * FROM read_json({quoted(str(lines))}, format='newline_delimited', columns={columns})"
        log = write_log(connect(), f"({source} ORDER BY ts, id)", path)
    return log.content_hash
