"""The same rows as the files in which sources export them: JSON lines, a JSON array, CSV, Parquet with nested types."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenop import database
from tokenop.database import quoted

FORMATS = ("jsonl", "json", "csv", "parquet")
Row = Mapping[str, Any]


def write(folder: Path, rows: Sequence[Row], form: str = "jsonl") -> Path:
    """Write `rows` as `export.<form>` in `folder`, the way databases write that form."""
    path = folder / f"export.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
    elif form == "csv":
        _csv(path, rows)
    elif form == "parquet":
        _parquet(path, write(folder, rows, "jsonl"))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _csv(path: Path, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else "" if value is None else value


def _parquet(path: Path, lines: Path) -> None:
    """Write the lines with types of their own: TIMESTAMP, BIGINT, BOOLEAN, STRUCT, LIST."""
    with database.connect() as connection:
        connection.execute(
            f"COPY (FROM read_json({quoted(str(lines))}, format='newline_delimited', maximum_depth=-1, "
            f"sample_size=-1, map_inference_threshold=-1)) TO {quoted(str(path))} (FORMAT parquet)"
        )
    lines.unlink()
