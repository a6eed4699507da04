"""The reference page of the event, generated from the schema. A test holds `docs/events.md` against it."""

from __future__ import annotations

from tokenop.events import schema, sql
from tokenop.events.schema import Column

_RULES = {
    "EV-REQUIRED": "A required field is missing, empty, or null where null is not allowed.",
    "EV-TYPE": "A value has the wrong type. In JSON lines a number written as a string is wrong.",
    "EV-INTEGER": "A count has a fraction; `17.0` is the whole number 17, `12.7` is refused.",
    "EV-NAN": "A number is NaN or infinite.",
    "EV-MIN, EV-MAX": "A number lies outside its range.",
    "EV-ENUM": "A value is not one of those allowed.",
    "EV-LENGTH": "A text or list is too long, or a list item is empty.",
    "EV-ZONE": "A time has no zone.",
    "EV-TIME": "A time is not RFC 3339, or is no time that exists.",
    "EV-EARLIEST": "A time lies before 2015.",
    "EV-UNKNOWN-FIELD": "A field that events do not have; the finding names the nearest one.",
    "EV-UNIQUE": "An earlier line has the same id. The earlier one counts as valid.",
    "EV-JSON, EV-OBJECT": "The line is not JSON, or not an object.",
    "EV-DUPLICATE-KEY": "A key stands twice in one object, or a column twice in a table.",
    "EV-UTF8, EV-NUL": "The line holds bytes that are not UTF-8, or NUL bytes.",
    "EV-LINE-LENGTH": "The line is longer than 16 MB.",
    "EV-HASH": "A Parquet file states another content hash than its events have: it was changed after it was written.",
    "EV-CSV": "The row is not CSV, or has another number of cells than the header.",
}

_INTRODUCTION = """# The event

One event is one inference call. A log of events is a `.jsonl` file (one JSON object a line), a `.csv` file with a
header, or a `.parquet` file. Check one with `tokenop validate --input FILE`.

Unknown is null, never 0. The twelve required fields are always there, though some may be null. Other fields may be
absent. A byte order mark and CRLF line ends are fine. In CSV an empty cell is null. In Parquet a time is a timestamp
with a zone.

The JSON Schema is `tokenop/events/event.schema.json`. This page is generated from it: run
`python -m tokenop.events.docs > docs/events.md`.
"""

_HASH = """## The content hash

A log is identified by `<rows>-<32 hex digits>`. The digits are the sum, modulo 2^128, of the MD5 of each event. So
the hash does not depend on the order of the rows, and JSON lines and Parquet of the same events have the same hash.
Optional columns without a value do not count. Two equal rows do not cancel, as they would under XOR.

The hash is computed when a log is written, and each time a JSON-lines or CSV log is opened. A Parquet file that
TokenOp wrote states it in the metadata key `tokenop_content_hash`. Opening such a file takes its word if the number
of rows agrees and no other software has written the file since; otherwise the events are checked and hashed anew, and
a difference gives the warning EV-HASH. `tokenop validate` never takes a file's word: there a difference is an error.

The hash finds changed content; it is no signature.
"""


_USAGE = """# The usage record

A usage record is what a vendor says it counted or billed over a period: a bucket of an admin API, a line of a bill. It
is never a call, and never mixed into the log of calls. Records are lines of a `.jsonl` file, `usage.jsonl`, which
`tokenop discover` writes where a source of that kind was read. `tokenop reconcile` holds the log of calls against them,
`tokenop validate --input usage.jsonl` checks a file of them.

Unknown is null, never 0. The five required fields are always there. Quantities and costs are signed: a correction is a
negative record, and sums over all records are right. Vendors state dimensions such as the model only where a report was
grouped by them.

The JSON Schema is `tokenop/events/usage.schema.json`. This page is generated from it: run
`python scripts/generate_docs.py docs/usage.md`.
"""

_RECONCILING = """## How they are compared

`tokenop reconcile` compares requests, tokens and cost by provider, model and period.

- **The time that both know.** By provider and measure, only the time is compared that the log and the bill both cover.
  A record that reaches beyond it, and a call outside it, are left out, and the result says how many.
- **One source each.** Where several sources tell of the same provider, one is compared: of costs the billed one before
  the effective, the list and the estimated one; of counts the larger one.
- **One name a model.** Spellings of both sides become one name: maker, route, date and revision do not count.
- **Dollars.** Costs in other currencies are not compared.
- **Null.** What one side does not know has no difference. A record without a model stands in a row of its own.
"""


def usage_markdown() -> str:
    """Return the page of the usage record as Markdown, ended by a line feed."""
    lines = [_USAGE, "## Fields", "", "| field | type | required | rules | meaning |", "|---|---|---|---|---|"]
    lines += [_row(column) for column in schema.columns(schema.USAGE)]
    lines += ["", "## Rules between fields", "", "| rule | severity | message | what to do |", "|---|---|---|---|"]
    rules = schema.invariants(schema.USAGE)
    lines += [f"| {rule.rule} | {rule.severity} | {rule.message} | {rule.fix} |" for rule in rules]
    lines += ["", "The rules of one field or line are those of [events](events.md).", "", _RECONCILING]
    return "\n".join(lines)


def markdown() -> str:
    """Return the page as Markdown, ended by a line feed."""
    lines = [_INTRODUCTION, "## Fields", "", "| field | type | required | rules | meaning |", "|---|---|---|---|---|"]
    lines += [_row(column) for column in schema.columns()]
    lines += ["", "## Rules between fields", "", "| rule | severity | message | what to do |", "|---|---|---|---|"]
    lines += [f"| {rule.rule} | {rule.severity} | {rule.message} | {rule.fix} |" for rule in schema.invariants()]
    lines += ["", "## Rules of one field, line or file", "", "| rule | meaning |", "|---|---|"]
    lines += [f"| {rule} | {meaning} |" for rule, meaning in _RULES.items()]
    return "\n".join([*lines, "", _HASH])


def _row(column: Column) -> str:
    required = "yes, may be null" if column.required and sql.nullable(column) else "yes" if column.required else ""
    description = column.description.replace("|", "\\|")
    return f"| `{column.name}` | {sql.kind(column)} | {required} | {_limits(column)} | {description} |"


def _limits(column: Column) -> str:
    rules = column.rules
    told = []
    if "enum" in rules:
        told.append(", ".join(f"`{value}`" for value in rules["enum"] if value is not None))
    if "minimum" in rules:
        told.append(f"at least {rules['minimum']:,}")
    if "maximum" in rules:
        told.append(f"at most {rules['maximum']:,}")
    if "maxLength" in rules:
        told.append(f"at most {rules['maxLength']:,} characters")
    if "maxItems" in rules:
        told.append(f"at most {rules['maxItems']:,} items of at most {rules['items']['maxLength']:,} characters")
    if "x-earliest" in rules:
        told.append(f"RFC 3339 with a zone, from {rules['x-earliest']}")
    return "; ".join(told)


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
