"""Line files of unknown quality: which lines are sound JSON objects, checked in large blocks at the speed of C."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tokenop.errors import InputError

LONGEST = 16 * 2**20
"""Bytes of the longest line that is read; DuckDB's own limit for one object."""

BLOCK = 2**17
"""Bytes read at once: what a block decodes into should stay in the cache of the processor."""

KEPT = 1000
BOM = b"\xef\xbb\xbf"

_ANY_OBJECT = msgspec.json.Decoder(msgspec.defstruct("AnyObject", [], gc=False))
_VALUE = msgspec.json.Decoder()


class Block(NamedTuple):
    """Whole lines of a file. `first` is the number of the first of them, from 1."""

    first: int
    data: bytes
    too_long: bool


class Fault(NamedTuple):
    """Why a line is not sound: the rule's identifier and a sentence."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line left out. `raw` is its text, cut after 1,000 bytes, bad bytes shown as escapes."""

    line: int
    reason: str
    raw: str
    rule: str


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was sound in a line file. `lines` counts the non-blank lines read, the rejected ones included."""

    clean: Path
    lines: int
    rejected: list[RejectedLine]


def require_file(path: Path) -> int:
    """Return the size in bytes of the regular, readable file `path`.

    Raises:
        InputError: it is absent, a folder, a pipe or device, a symlink loop, or may not be read.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, a file is needed")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is a pipe or device; write it to a regular file first")
        with path.open("rb"):
            return path.stat().st_size
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from error


def blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of `path` in blocks of about 128 KiB, in constant memory.

    A byte order mark is left out. A line longer than `LONGEST` comes alone, cut, with `too_long` set.
    """
    first, pending, size, skipping = 1, [b""], 0, False
    with path.open("rb") as file:
        if file.read(3) != BOM:
            file.seek(0)
        while piece := file.read(BLOCK):
            cut = piece.rfind(b"\n") + 1
            if not cut:
                size += len(piece)
                skipping = skipping or size > LONGEST
                pending = [pending[0][:KEPT] or piece[:KEPT]] if skipping else [*pending, piece]
                continue
            if skipping:
                yield Block(first, pending[0][:KEPT], True)
                first += 1
                data = piece[piece.find(b"\n") + 1 : cut]
            else:
                data = b"".join([*pending, piece[:cut]])
            if data:
                yield Block(first, data, False)
                first += data.count(b"\n")
            pending, size, skipping = [piece[cut:]], len(piece) - cut, False
    data = b"".join(pending)
    if data:
        yield Block(first, data[:KEPT] if skipping else data, skipping)


def sound_lines(data: bytes, decoder: msgspec.json.Decoder[Any] = _ANY_OBJECT) -> int:
    """Return how many lines `data` holds if each is surely one sound object that `decoder` accepts, else -1.

    The check runs over the whole block without looking at single lines, so it may refuse a block whose lines are
    sound (blank lines, spaces at the ends): then look at each. Where all lines start with `{` and end with `}`, no
    object can span two lines (`}` is never followed by `{` inside a value), so equal counts mean one object a line.
    """
    if len(data) > LONGEST:
        return -1
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if data.count(b"\n{") + data.startswith(b"{") != lines or data.count(b"}\n") + data.endswith(b"}") != lines:
        return -1
    try:
        if not data.isascii():
            data.decode()
        return lines if len(decoder.decode_lines(data)) == lines else -1
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return -1


def fault(line: bytes) -> Fault | None:
    """Return why `line` is not one sound JSON object; None where it is."""
    if len(line) > LONGEST:
        return Fault("EV-LINE-LENGTH", "the line is longer than 16 MB")
    if b"\0" in line:
        return Fault("EV-NUL", "the line holds NUL bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return Fault("EV-UTF8", f"invalid UTF-8 at byte {error.start + 1}")
    try:
        value = _VALUE.decode(line)
        if not isinstance(value, dict):
            return Fault("EV-OBJECT", "the line is JSON, but not an object")
        repeated: list[str] = []
        json.loads(text, object_pairs_hook=lambda pairs: _note_repeated(pairs, repeated))
    except RecursionError:
        return Fault("EV-JSON", "the line is nested too deeply")
    except ValueError as error:  # msgspec's and json's own errors are ValueErrors
        return Fault("EV-JSON", f"not JSON: {str(error).removeprefix('JSON is malformed: ')}")
    if repeated:
        return Fault("EV-DUPLICATE-KEY", f"the key {json.dumps(repeated[0])} stands twice in one object")
    return None


def _note_repeated(pairs: list[tuple[str, Any]], repeated: list[str]) -> None:
    # The objects themselves are not needed: an empty result keeps the walk cheap.
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        repeated.append(next(name for name in names if names.count(name) > 1))


def rejected(line: int, why: Fault, raw: bytes) -> RejectedLine:
    """Return the record of a line left out."""
    return RejectedLine(line, why.message, raw[:KEPT].decode("utf-8", "backslashreplace"), why.rule)


TOO_LONG = Fault("EV-LINE-LENGTH", "the line is longer than 16 MB")


def salvage(path: Path, scratch: Path, strict: bool = False) -> Salvaged:
    """Return the sound lines of the line file `path`; rejected ones are listed with their number and reason.

    A clean file is used in place. Otherwise `scratch` gets a copy that holds the sound lines only, each ended by a
    line feed, without byte order mark. `strict` also looks for keys that stand twice inside nested objects of blocks
    that look clean, at a tenth of the speed; without it only those of the top level are looked for there.

    Raises:
        InputError: `path` is not a readable regular file.
    """
    require_file(path)
    if not strict and not _has_bom(path):
        lines = all_sound(path)
        if lines >= 0 and not _repeats_keys(path):
            return Salvaged(path, lines, [])
    return _copy_sound(path, scratch)


def _has_bom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == BOM


def all_sound(path: Path) -> int:
    """Return how many lines the file has if each is surely one sound JSON object, else -1."""
    total = 0
    for block in blocks(path):
        lines = -1 if block.too_long else sound_lines(block.data)
        if lines < 0:
            return -1
        total += lines
    return total


def count_objects(path: Path, decoder: msgspec.json.Decoder[Any]) -> int | None:
    """Return how many JSON objects stand in the file one after another, None where `decoder` refuses one."""
    total = 0
    try:
        for block in blocks(path):
            if block.too_long:
                return None
            total += len(decoder.decode_lines(block.data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return total


def _repeats_keys(path: Path) -> bool:
    import duckdb

    from tokenop.database import connect, quoted

    with connect(memory_limit="1GB") as connection:
        sql = f"""SELECT count(*) FROM (SELECT json_keys(json) AS names
            FROM read_ndjson_objects({quoted(str(path))}, maximum_object_size = {LONGEST + 2}))
            WHERE list_unique(names) < len(names)"""
        try:
            found = connection.execute(sql).fetchone()
        except duckdb.Error:
            return True  # whatever DuckDB cannot read is looked at line by line
    return bool(found and found[0])


def _copy_sound(path: Path, scratch: Path) -> Salvaged:
    scratch.mkdir(parents=True, exist_ok=True)
    clean = _free_name(scratch, path)
    lines, left_out = 0, []
    with clean.open("wb") as copy:
        for block in blocks(path):
            if block.too_long:
                lines += 1
                left_out.append(rejected(block.first, TOO_LONG, block.data))
                continue
            for number, line in enumerate(block.data.split(b"\n"), block.first):
                if not (line := line.strip()):
                    continue
                lines += 1
                if why := fault(line):
                    left_out.append(rejected(number, why, line))
                else:
                    copy.write(line + b"\n")
    if not left_out and not _has_bom(path):
        clean.unlink()
        return Salvaged(path, lines, [])
    return Salvaged(clean, lines, left_out)


def _free_name(scratch: Path, path: Path) -> Path:
    number = 0
    while (name := scratch / f"sound-{number}-{path.name}").exists():
        number += 1
    return name
