"""Planting canaries into the samples of collectors: where they have no business, and in the texts that they read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Nothing recognises this one: it may only stand where nothing is read.
PLAIN = "qzx-canary-unread-7f3a"
# These must be recognised wherever they stand: the middle part of each is what a leak would show.
CORE = "QzXcanary7F3aLeak"
SECRETS = (
    f"sk-ant-api03-{CORE}0000",
    f"Authorization: Bearer {CORE}abcdefgh",
    f"postgres://ana:{CORE}@db.example.com/x",
    f"password={CORE}",
    f"{CORE}@example.com",
)
# Where vendors keep what people wrote and models answered.
CONTENT = (
    "prompt", "prompts", "completion", "completions", "messages", "message_text", "input", "inputs", "output",
    "outputs",
    "response", "responses", "request", "requests", "answer", "body", "request_body", "response_body", "requestBody",
    "responseBody", "choices", "content", "text", "arguments", "tool_calls", "$ai_input", "$ai_output_choices",
    "input_text", "output_text", "inputBodyJson", "outputBodyJson", "proxy_server_request", "QUERY_TEXT", "query_text",
)  # fmt: skip
_ID = re.compile(r"(^|[._-])(id|uuid)$|Id$|ID$", re.ASCII)
_STRUCTURE = {
    "format_version", "terraform_version", "type", "mode", "provider", "provider_name", "instance_type",
    "address", "module", "name", "index", "index_key",  # what the code calls a resource
}  # fmt: skip
_ROWS, _LEAVES = 8, 80

Row = dict[str, Any]


def samples(folder: Path) -> list[Path]:
    """Return the samples of the collector in `folder`."""
    return sorted(folder.glob("sample*"))


def read(path: Path) -> list[Row]:
    """Return the rows of a sample."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(io.StringIO(text))]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [json.loads(text)]


def write(path: Path, rows: list[Row]) -> Path:
    """Write `rows` in the format that the name of `path` says."""
    if path.suffix == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(json.dumps(rows[0], ensure_ascii=False), encoding="utf-8")
    return path


def unread(rows: list[Row], declared: set[str]) -> list[Row]:
    """Return `rows` with the plain canary in undeclared columns, unknown members at every depth, and all content."""
    known = {name.lower() for name in declared}
    planted = []
    for row in rows:
        # A document has no columns: what is read of it is not told by name.
        deep = {name: _deep(value, not known or name.lower() in known) for name, value in row.items()}
        more = {name: _said(name) for name in CONTENT if name.lower() not in known and name not in deep}
        planted.append({**deep, "tokenop canary": PLAIN, **more})
    return planted


def undeclared_columns(rows: list[Row], declared: set[str]) -> list[Row]:
    """Return `rows` with the plain canary in columns that are not declared, and nowhere else."""
    known = {name.lower() for name in declared}
    more = {name: PLAIN for name in ("tokenop canary", *CONTENT) if name.lower() not in known}
    return [{**{name: value for name, value in row.items() if name.lower() in known}, **more} for row in rows]


def told(rows: list[Row]) -> list[Row]:
    """Return `rows`, and copies of some in which one text has a secret added; each copy is a call of its own."""
    if len(rows) == 1:  # a document: in every text of it that is none of the words that make it one
        return [changed(rows[0], lambda path, value: value if path[-1] in _STRUCTURE else f"{value} {SECRETS[0]}")]
    planted = list(rows)
    shapes: dict[str, Row] = {}
    for row in rows:
        shapes.setdefault(json.dumps(sorted(row)) + json.dumps(sorted(map(str, leaves(row)))), row)
    for row in list(shapes.values())[:_ROWS]:
        for number, place in enumerate(list(leaves(row))[:_LEAVES]):
            secret = SECRETS[len(planted) % len(SECRETS)]
            copied = changed(row, lambda path, value, n=number: f"{value}-{n}" if _ID.search(str(path[-1])) else value)
            planted.append(
                changed(copied, lambda path, value, at=place, s=secret: f"{value} {s}" if path == at else value)
            )
    return planted


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every text in `value`, inside texts that are JSON too."""
    inner = _parsed(value)
    if isinstance(inner, dict):
        for name, member in inner.items():
            yield from leaves(member, (*path, name))
    elif isinstance(inner, list):
        for index, member in enumerate(inner):
            yield from leaves(member, (*path, index))
    elif isinstance(inner, str) and path:
        yield path


def changed(value: Any, change: Callable[[tuple[Any, ...], str], str], path: tuple[Any, ...] = ()) -> Any:
    """Return `value` with each text replaced by what `change(path, text)` gives."""
    inner = _parsed(value)
    if isinstance(inner, dict):
        inner = {name: changed(member, change, (*path, name)) for name, member in inner.items()}
    elif isinstance(inner, list):
        inner = [changed(member, change, (*path, index)) for index, member in enumerate(inner)]
    elif isinstance(inner, str):
        return change(path, inner) if path else inner
    return json.dumps(inner) if isinstance(value, str) else inner


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _said(name: str) -> Any:
    return [{"role": "user", "content": PLAIN}] if name in ("messages", "choices", "input", "inputs") else PLAIN


def _deep(value: Any, declared: bool) -> Any:
    """Return `value` with the canary as a member of every object, and in place of every content that is text."""
    inner = _parsed(value)
    if isinstance(inner, dict):
        members = {
            name: PLAIN if name in CONTENT and isinstance(member, str) else _deep(member, True)
            for name, member in inner.items()
        }
        inner = {**members, "tokenop_canary": PLAIN}
    elif isinstance(inner, list):
        inner = [_deep(member, True) for member in inner]
    elif isinstance(inner, str) and not declared:
        return PLAIN
    return json.dumps(inner) if isinstance(value, str) and not isinstance(inner, str) else inner
