"""Read any event log: check it, hash it, and give its valid events as a typed relation."""

from __future__ import annotations

from pathlib import Path

from tokenop.database import connect
from tokenop.errors import InputError
from tokenop.events import hashing, lines, log_parquet, log_text
from tokenop.events.log_job import SHOWN, Ingested, Job

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
READERS = {"jsonl": log_text.read_jsonl, "csv": log_text.read_csv, "parquet": log_parquet.read_parquet}
MEMORY = "900MB"


def ingest(
    path: Path,
    scratch: Path,
    limit: int = SHOWN,
    exact_warnings: bool = False,
    trust: bool = False,
    hashed: bool = True,
) -> Ingested:
    """Read, check and hash the log `path`; JSON lines and CSV become a Parquet file in `scratch`.

    A clean log takes one conversion and one survey at the speed of DuckDB. Where something is wrong, a second, exact
    pass finds the lines.

    Args:
        path: a `.jsonl`, `.csv` or `.parquet` file.
        scratch: an existing folder that lives as long as the result's relation is used.
        limit: how many findings to keep.
        exact_warnings: find the lines of mere warnings too, instead of one summary a rule.
        trust: take a Parquet file that TokenOp checked and hashed when it wrote it at its word.
        hashed: compute the content hash; without it the result's may be empty.

    Raises:
        InputError: the file cannot be read at all.
    """
    kind = format_of(path)
    if lines.require_file(path) == 0:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    with connect(memory_limit=MEMORY, spill_to=scratch) as connection:
        return READERS[kind](Job(connection, path, scratch, limit, exact_warnings, trust, hashed))


def format_of(path: Path) -> str:
    """Return `jsonl`, `csv` or `parquet` by the extension of `path`.

    Raises:
        InputError: another extension.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and not path.is_dir():
        raise InputError(f"{path}: an event log is a .jsonl, .csv or .parquet file")
    return kind or "jsonl"
