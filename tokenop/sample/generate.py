"""Make the sample month: `python -m tokenop.sample.generate [FILE]` writes the very calls that are shipped.

The workload is made up (docs/sample-month.md says of what); no number in it comes from a real company.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tokenop.database import connect, quoted
from tokenop.events import schema
from tokenop.sample import ID_PREFIX, coding, month, teams
from tokenop.sample.calls import DAYS, FIRST_DAY, Month

SEED = 2026


def events(seed: int = SEED) -> list[dict[str, object]]:
    """Return the calls of the month in order of time, each a dict of event fields with `ts` as RFC 3339 text."""
    made = Month(seed)
    for team in (teams.support, teams.documents, coding.coding, teams.analytics):
        team(made)
    first = round(datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp() * 1000)
    end = first + DAYS * 86_400_000

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


def write(path: Path, seed: int = SEED) -> str:
    """Write the month to `path` (.parquet or .jsonl) and return the content hash of the log.

    Raises:
        InputError: `path` cannot be written.
    """
    from tokenop.events.log import write_log

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "month.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in events(seed))
        columns = "{" + ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in schema.types().items()) + "}"
        source = f"SELECT * FROM read_json({quoted(str(lines))}, format='newline_delimited', columns={columns})"
        log = write_log(connect(), f"({source} ORDER BY ts, id)", path)
    return log.content_hash


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else month()
    sys.stdout.write(f"{target}: {write(target)}\n")
