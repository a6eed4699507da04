"""Number the lines of a log in which something is wrong, so that SQL can tell each finding with its true line.

Each sound line is copied with its number into a scratch file; lines that are no sound JSON object are told from here.
Everything streams: memory does not grow with the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from tokenop.events import lines, schema
from tokenop.events.schema import EVENT, Record
from tokenop.events.sql import SEPARATOR

LINE, ODD = "tokenop line", "tokenop odd"
"""Fields of the numbered copy: the line, and the keys that are unknown (`+name`) or absent (`-name`)."""

REQUIRED = frozenset(column.name for column in schema.columns() if column.required)
KEPT_REFUSALS = 10_000

_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PREFIX = b'{"' + LINE.encode() + b'":%d,'


@cache
def nullable(record: Record) -> frozenset[str]:
    """Return the required fields that may be null: absent they look like null, and must not pass for it."""
    return frozenset(c.name for c in schema.columns(record) if c.required and "null" in c.rules["type"])


@dataclass(slots=True)
class Numbered:
    """What went into a numbered copy: `rows` non-blank lines or CSV rows read, `unsound` of them left out.

    `refused` holds the first of the lines left out, `fields` the fields of the `record` that were seen.
    """

    record: Record = EVENT

    rows: int = 0
    unsound: int = 0
    refused: list[lines.RejectedLine] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    def refuse(self, line: int, why: lines.Fault, raw: bytes) -> None:
        """Count a line that cannot be copied."""
        self.rows += 1
        self.unsound += 1
        if len(self.refused) < KEPT_REFUSALS:
            self.refused.append(lines.rejected(line, why, raw))


def number_jsonl(path: Path, copy: Path, each_line: bool = False, record: Record = EVENT) -> Numbered:
    """Write the sound lines of `path` with their numbers to `copy`.

    Lines with the fields of the lines before them are numbered as they are, unless `each_line` is set: only then are
    keys that stand twice in one object found.
    """
    required = {column.name for column in schema.columns(record) if column.required}
    result = Numbered(record, fields=required)
    plain = _decoder(result.fields, record)
    with copy.open("wb") as out:
        for block in lines.blocks(path):
            if block.too_long:
                result.refuse(block.first, lines.TOO_LONG, block.data)
                continue
            rows = block.data.split(b"\n")
            if not each_line and lines.sound_lines(block.data, plain) >= 0:
                out.writelines(
                    _PREFIX % number + row[1:] + b"\n" for number, row in enumerate(rows, block.first) if row
                )
                result.rows += len(rows) - rows.count(b"")
                continue
            before = len(result.fields)
            _number_rows(block, rows, None if each_line or not _is_text(block.data) else plain, out, result)
            if len(result.fields) > before:
                plain = _decoder(result.fields, record)
    return result


def _decoder(names: set[str], record: Record) -> msgspec.json.Decoder[Any]:
    """Return a decoder of objects that hold the required fields and any others of `names`, of whatever type."""
    fields: list[tuple[str, object] | tuple[str, object, object]] = [
        (column.name, msgspec.Raw) if column.required else (column.name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)
        for column in schema.columns(record)
        if column.name in names
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Plain", fields, forbid_unknown_fields=True, gc=False))


def _is_text(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def _number_rows(
    block: lines.Block, rows: list[bytes], plain: msgspec.json.Decoder[Any] | None, out: BinaryIO, result: Numbered
) -> None:
    """Number the lines of a block one by one; those that the decoder `plain` takes are copied as they are."""
    for number, row in enumerate(rows, block.first):
        if not (stripped := row.strip()):
            continue
        if plain is not None and len(stripped) <= lines.LONGEST:
            try:
                plain.decode(stripped)
            except (msgspec.MsgspecError, RecursionError):
                pass
            else:
                out.write(_PREFIX % number + stripped[1:] + b"\n")
                result.rows += 1
                continue
        _number_line(number, stripped, out, result)


def _number_line(number: int, row: bytes, out: BinaryIO, result: Numbered) -> None:
    if why := lines.fault(row):
        result.refuse(number, why, row)
        return
    result.rows += 1
    fields = _RAW_FIELDS.decode(row)
    names = schema.types(result.record)
    known = {name: value for name, value in fields.items() if name in names}
    result.fields.update(known)
    odd = [f"+{name}" for name in fields if name not in names]
    odd += [f"-{name}" for name in nullable(result.record) - fields.keys()]
    strange = {ODD: sorted(name.replace(SEPARATOR, "?") for name in odd)} if odd else {}
    out.write(msgspec.json.encode({LINE: number, **strange, **known}) + b"\n")
