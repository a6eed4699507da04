"""Number the lines of a log in which something is wrong, so that SQL can tell each finding with its true line.

Each sound line is copied with its number into a scratch file; lines that are no sound JSON object are told from here.
Everything streams: memory does not grow with the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from tokenop.events import lines, schema
from tokenop.events.sql import SEPARATOR

LINE, ODD = "tokenop line", "tokenop odd"
"""Fields of the numbered copy: the line, and the keys that are unknown (`+name`) or absent (`-name`)."""

KNOWN = frozenset(schema.types())
REQUIRED = frozenset(column.name for column in schema.columns() if column.required)
NULLABLE = frozenset(column.name for column in schema.columns() if column.required and "null" in column.rules["type"])
KEPT_REFUSALS = 10_000

_STRICT = msgspec.json.Decoder(
    msgspec.defstruct(
        "Strict",
        [
            (name, msgspec.Raw) if name in REQUIRED else (name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)
            for name in schema.types()
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
)
_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Numbered:
    """What went into a numbered copy: `rows` non-blank lines or CSV rows read, `unsound` of them left out.

    `refused` holds the first of the lines left out.
    """

    rows: int = 0
    unsound: int = 0
    refused: list[lines.RejectedLine] = field(default_factory=list)

    def refuse(self, line: int, why: lines.Fault, raw: bytes) -> None:
        """Count a line that cannot be copied."""
        self.rows += 1
        self.unsound += 1
        if len(self.refused) < KEPT_REFUSALS:
            self.refused.append(lines.rejected(line, why, raw))


def number_jsonl(path: Path, copy: Path, each_line: bool = False) -> Numbered:
    """Write the sound lines of `path` with their numbers to `copy`.

    Blocks that look clean are numbered without parsing their lines one by one, unless `each_line` is set: only then
    are keys that stand twice in one object found.
    """
    result = Numbered()
    prefix = b'{"' + LINE.encode() + b'":%d,'
    with copy.open("wb") as out:
        for block in lines.blocks(path):
            if block.too_long:
                result.refuse(block.first, lines.TOO_LONG, block.data)
                continue
            sound = -1 if each_line else lines.sound_lines(block.data, _STRICT)
            rows = block.data.split(b"\n")
            if sound >= 0:
                out.writelines(prefix % number + row[1:] + b"\n" for number, row in enumerate(rows, block.first) if row)
                result.rows += sound
                continue
            for number, row in enumerate(rows, block.first):
                if stripped := row.strip():
                    _number_line(number, stripped, out, result)
    return result


def _number_line(number: int, row: bytes, out: BinaryIO, result: Numbered) -> None:
    if why := lines.fault(row):
        result.refuse(number, why, row)
        return
    result.rows += 1
    fields = _RAW_FIELDS.decode(row)
    odd = [f"+{name}" for name in fields if name not in KNOWN] + [f"-{name}" for name in NULLABLE - fields.keys()]
    odd = [name.replace(SEPARATOR, "?") for name in odd]
    known = {name: value for name, value in fields.items() if name in KNOWN}
    out.write(msgspec.json.encode({LINE: number, ODD: sorted(odd), **known}) + b"\n")
