"""The last step before anything is written: redaction, pseudonyms, and what is said of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokenop.collect import pseudonyms, redact
from tokenop.collect.options import Options
from tokenop.collect.redact import Redacted
from tokenop.errors import FindingsError, TokenOpError
from tokenop.events.schema import Record, types

if TYPE_CHECKING:
    import duckdb

RAW_LIMIT = 1024
# What a value is cut at in the message of a check; a word that is cut may be the beginning of a secret.
_SHOWN = 80
_CUT_WORD = r"[^\s\"'']*$"


def records(
    connection: duckdb.DuckDBPyConnection, settled: str, collected: str, record: Record, options: Options
) -> Redacted:
    """Return the sound rows of the view `settled`, fit to be written; `collected` holds the same rows and more."""
    source = f"(SELECT {', '.join(types(record))} FROM {settled} WHERE _status = 'event')"
    levels = redact.levels(record)
    if options.key:
        del levels["user_id"]
    found = redact.relation(connection, source, levels, record, scan=collected)
    if options.key:
        table = pseudonyms.store(connection, collected, "user_id", options.key)
        found.clean = redact.join(found.clean, {"user_id": table})
    return found


def quarantined(connection: duckdb.DuckDBPyConnection, name: str, options: Options) -> dict[str, int]:
    """Redact the table `name` of rejected rows, and cut it to its size; return the number of changes by field."""
    if options.key:
        # A row as it was names its user, and so may what is said of that field.
        connection.execute(f"UPDATE {name} SET raw = NULL")
        connection.execute(
            f"UPDATE {name} SET message = regexp_replace(message, '(?s), got .*', '') WHERE field = 'user_id'"
        )
    connection.execute(
        f"UPDATE {name} SET message = regexp_replace(message, '{_CUT_WORD}', '…') "
        f"WHERE regexp_full_match(message, '(?s).*, got .{{{_SHOWN}}}')"
    )
    counts = redact.table(connection, name)
    connection.execute(f"UPDATE {name} SET raw = {shortened('raw', RAW_LIMIT)} WHERE length(raw) > {RAW_LIMIT}")
    return counts


def shortened(column: str, limit: int) -> str:
    """Return SQL that cuts a text after `limit` characters, and at the end of a word."""
    return (
        f"CASE WHEN length({column}) > {limit} "
        f"THEN regexp_replace(left({column}, {limit}), '{_CUT_WORD}', '…') ELSE {column} END"
    )


def described(connection: duckdb.DuckDBPyConnection, source: dict[str, Any], options: Options) -> None:
    """Redact in place what is said of a source: its paths, constants and settings, and why rows were left out."""
    if options.key:
        source.get("set", {}).pop("user_id", None)
    texts = sorted(set(_texts(source)))
    clean = redact.texts(connection, texts) if texts else {}
    for key in ("paths", "set", "settings", "filtered_because", "columns_taken"):
        value = source.get(key)
        if isinstance(value, list):
            source[key] = [clean[text] for text in value]
        elif key == "filtered_because" and value:
            because: dict[str, int] = {}
            for reason, count in value.items():
                because[clean[reason]] = because.get(clean[reason], 0) + count
            source[key] = because
        elif value:
            source[key] = {name: clean[text] for name, text in value.items()}


def document(connection: duckdb.DuckDBPyConnection, text: str) -> Redacted:
    """Return a YAML document whose texts are quoted, without secrets; the count is of its lines."""
    lines = text.splitlines(keepends=True)
    clean = redact.texts(connection, lines, "secrets") if lines else {}
    changed = sum(clean[line] != line for line in lines)
    return Redacted("".join(clean[line] for line in lines), {"inventory": changed} if changed else {})


def error(found: TokenOpError) -> TokenOpError:
    """Return the error without the secrets that its message may quote from the data."""
    if isinstance(found, FindingsError):
        told = [replace(finding, message=redact.text(finding.message)) for finding in found.findings]
        return type(found)(told, redact.text(found.summary) if found.summary else "")
    return type(found)(redact.text(str(found)))


def _texts(source: Mapping[str, Any]) -> list[str]:
    return [
        *source.get("paths", ()),
        *source.get("set", {}).values(),
        *source.get("settings", {}).values(),
        *source.get("columns_taken", {}).values(),
        *source.get("filtered_because", {}),
    ]
