"""Rows of a sample made wrong in every way that a source has been seen to be wrong; the same seed, the same rows.

A collector may reject such a row or take what is left of it, but it must stop at none and lose none.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]

NUMBERS: tuple[Any, ...] = (
    0, -1, 12.7, 9223372036854775807, -9223372036854775808, 10**40, 1e308, -1e308, 5e-324, "1e400", "-1e400", "NaN",
    "infinity", "-0", "0x10", "1_000", "1,000", "12.0", "9" * 400, "٣٤", "１２",
)  # fmt: skip
TEXTS: tuple[str, ...] = (
    "", " ", "null", "None", "true", "\u202e\u2066x", "e\u0301\u0301\u0301", "👩\u200d👧",
    "\u2028\u2029", "\ufeff", "\u0000", "'; --", "\\",
    '"', "%s{}[]", "a\nb\r\nc", "\x1f\x1e", "-", "../..", "{", "[1,", "\ud800",
)  # fmt: skip
TIMES: tuple[Any, ...] = (
    "2026-02-30T25:61:61Z", "290000-01-01T00:00:00Z", "290000-01-01 (BC) 00:00:00+00", "0000-00-00", "now", "infinity",
    "2026-03-02T09:00:00+99:99", "2026-03-02T09:00:00.123456789Z", "2026-03-02", 1772442000,
    1772442000000, -(2**63), 10**30,
)  # fmt: skip
NESTED: tuple[Any, ...] = (
    {}, [], [[]], [{}], {"": None}, [None, 1, "x", {"a": [1]}], {"a": {"a": {"a": {"a": [1, {"b": None}]}}}},
    json.loads("[" * 40 + "]" * 40),
)  # fmt: skip
LONG = 20_000
# Share of rows that are calls of their own: with the ids of the sample they would all be duplicates.
_OWN_ID = 0.7
_IDS = ("id", "uuid")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One row as the bytes of its line, without the line end, and what was done to it."""

    kind: str
    line: bytes


def lines(rows: Sequence[Row], count: int, seed: int) -> Iterator[Mutant]:
    """Yield `count` JSON lines: rows of the sample, each with something wrong; none of them blank."""
    dice = random.Random(seed)  # noqa: S311 - chance that can be repeated
    last = b"{}"
    for number in range(count):
        kind, change = KINDS[number % len(KINDS)]
        row: Row = json.loads(json.dumps(dice.choice(rows)))
        if dice.random() < _OWN_ID:
            _renamed(row, number)
        if kind == "repeated row":
            yield Mutant(kind, last)
            continue
        try:
            last = change(row, dice)
        except (ValueError, IndexError):  # nothing in the row to change that way
            last = _line(row)
        yield Mutant(kind, last)


def table(rows: Sequence[Row], count: int, seed: int) -> tuple[bytes, list[Mutant]]:
    """Return the header of a CSV file and `count` of its rows, mutated, one record each.

    The last row alone leaves a quote open: it would take all that follows for one cell.
    """
    dice = random.Random(seed)  # noqa: S311
    names = list(dict.fromkeys(name for row in rows for name in row if name))
    found: list[Mutant] = []
    for number in range(count):
        kind, change = CELL_KINDS[number % len(CELL_KINDS)]
        row: Row = json.loads(json.dumps(dice.choice(rows)))
        if dice.random() < _OWN_ID:
            _renamed(row, seed + number)
        cells = [_cell(row.get(name)) for name in names]
        if kind == "repeated row" and found:
            found.append(Mutant(kind, found[-1].line))
            continue
        line = change(cells, dice)
        found.append(Mutant(kind, line if line.strip() else b'"",x'))
    if found:
        found[-1] = Mutant("open quote", b'"' + found[-1].line.replace(b'"', b""))
    return _record(names), found


# JSON: one function a kind; each returns the line.


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each path in a value with what stands there, the values inside of objects and lists included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key), inner
        yield from _places(inner, (*path, key))


def _put(row: Row, path: tuple[Any, ...], value: Any) -> None:
    inside: Any = row
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value


def _renamed(row: Row, number: int) -> None:
    """Give the row ids that no other row has."""
    for path, value in list(_places(row)):
        if isinstance(value, str) and value and str(path[-1]).lower().endswith(_IDS):
            _put(row, path, f"{value[:-8]}{number:08x}" if len(value) >= 16 else f"{value}-{number}")


def _pick(row: Row, dice: random.Random) -> tuple[tuple[Any, ...], Any]:
    return dice.choice(list(_places(row)))


def _line(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _with(choose: Callable[[Any, random.Random], Any]) -> Callable[[Row, random.Random], bytes]:
    """Return the mutation that puts another value in one place, or inside a text that is JSON itself."""

    def change(row: Row, dice: random.Random) -> bytes:
        path, value = _pick(row, dice)
        if isinstance(value, str) and value[:1] in "{[" and value[:1]:
            try:
                inner = json.loads(value)
                where, old = _pick(inner, dice)
                _put(inner, where, choose(old, dice))
                _put(row, path, json.dumps(inner))
                return json.dumps(row).encode()
            except (ValueError, IndexError):
                pass
        _put(row, path, choose(value, dice))
        # lone surrogates go as escapes: as bytes they are the kind `wrong encoding`
        return json.dumps(row).encode()

    return change


def _other_type(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool):
        return dice.choice([str(value), int(value), "yes", [value]])
    if isinstance(value, (int, float)):
        return dice.choice([str(value), f" {value} ", [value], {"value": value}, True, f"{value}.0", f"{value:e}"])
    if isinstance(value, str):
        return dice.choice([0, 1.5, [value], {"value": value}, False, 10**17])
    return dice.choice(["text", 7, True, json.dumps(value)])


def _text(value: Any, dice: random.Random) -> Any:
    odd = dice.choice(TEXTS)
    return odd if dice.random() < 0.5 else f"{value}{odd}"


def _missing(row: Row, dice: random.Random) -> bytes:
    path, _ = _pick(row, dice)
    inside: Any = row
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return _line(row)


def _few(row: Row, dice: random.Random) -> bytes:
    return _line({key: value for key, value in row.items() if dice.random() < 0.4})


def _unknown(row: Row, dice: random.Random) -> bytes:
    for key in dice.sample(["", "_file", "_line", "_reject", "__proto__", "no such key", "clé 🔑", "a.b", "$x"], 3):
        row[key] = dice.choice([None, "x", *NESTED])
    known = dice.choice(list(row))
    # Of names that a user maps, a second spelling in one row would make the column of the whole file unclear.
    if not known.islower() and known.swapcase() not in row:
        row[known.swapcase()] = dice.choice(["x", 5, None])
    return _line(row)


def _swapped(row: Row, dice: random.Random) -> bytes:
    one, other = dice.sample(list(row), 2)
    row[one], row[other] = row[other], row[one]
    return _line(row)


def _cut(row: Row, dice: random.Random) -> bytes:
    line = _line(row)
    return line[: dice.randrange(1, len(line))]


def _broken(row: Row, dice: random.Random) -> bytes:
    line = _line(row)
    name = json.dumps(dice.choice(list(row))).encode()
    return dice.choice(
        [
            line + line, line + b",", line[1:], line.replace(b'"', b"'"), line.replace(b":", b"=", 1),
            b"[" + line + b"]", line[:-1] + b',"x":01}', line[:-1] + b',"x":"\\q"}', b"# " + line, b"null", b"1",
            line[:-1] + b"," + name + b":1}", line[:-1] + b',"x":NaN}', line[:-1] + b',"x":1e999}', b'"text"',
        ]
    )  # fmt: skip


def _encoded(row: Row, dice: random.Random) -> bytes:
    line = _line(row)
    at = dice.randrange(len(line))
    junk = dice.choice(
        [b"\xff", b"\xc3", b"\x00", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", "é".encode("latin-1"), b"\xef\xbb\xbf"]
    )
    whole = [line.decode("utf-8", "replace").encode("utf-16").replace(b"\n", b""), line[:at] + junk + line[at:]]
    return dice.choices(whole, [1, 6])[0]


KINDS: tuple[tuple[str, Callable[[Row, random.Random], bytes]], ...] = (
    ("other type", _with(_other_type)),
    ("null", _with(lambda *_: None)),
    ("extreme number", _with(lambda _, dice: dice.choice(NUMBERS))),
    ("odd time", _with(lambda _, dice: dice.choice(TIMES))),
    ("odd text", _with(_text)),
    ("nested junk", _with(lambda _, dice: dice.choice(NESTED))),
    ("very long text", _with(lambda _, dice: dice.choice(["x", "9", "{", "é"]) * LONG)),
    ("missing key", _missing),
    ("few keys", _few),
    ("unknown keys", _unknown),
    ("swapped values", _swapped),
    ("cut off", _cut),
    ("broken JSON", _broken),
    ("wrong encoding", _encoded),
    ("repeated row", lambda row, _: _line(row)),
    ("untouched", lambda row, _: _line(row)),
)


# CSV: the same on cells; each returns one record.


def _cell(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, (dict, list)) else "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode()


def _record(cells: Sequence[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue().removesuffix("\r\n").encode("utf-8", "replace")


def _cells(choose: Callable[[str, random.Random], Any]) -> Callable[[list[str], random.Random], bytes]:
    def change(cells: list[str], dice: random.Random) -> bytes:
        at = dice.randrange(len(cells))
        cells[at] = _cell(choose(cells[at], dice))
        return _record(cells)

    return change


def _shuffled(cells: list[str], dice: random.Random) -> bytes:
    dice.shuffle(cells)
    return _record(cells)


def _fewer(cells: list[str], dice: random.Random) -> bytes:
    return _record([cells[0] or "x", *cells[1 : dice.randrange(1, len(cells) + 1)]])


def _more(cells: list[str], dice: random.Random) -> bytes:
    return _record([*cells, *[""] * dice.randrange(1, 3), "x"])


def _bytes(cells: list[str], dice: random.Random) -> bytes:
    line = _record([cell.replace("\n", " ").replace("\r", " ") for cell in cells])
    at = dice.randrange(len(line))
    return line[:at] + dice.choice([b"\xff", b"\xc3", b"\x00"]) + line[at:]


CELL_KINDS: tuple[tuple[str, Callable[[list[str], random.Random], bytes]], ...] = (
    ("null", _cells(lambda *_: "")),
    ("extreme number", _cells(lambda _, dice: dice.choice(NUMBERS))),
    ("odd time", _cells(lambda _, dice: dice.choice(TIMES))),
    ("odd text", _cells(lambda value, dice: _text(value, dice).replace("\x00", "\u2400"))),
    ("nested junk", _cells(lambda _, dice: dice.choice(NESTED))),
    ("very long text", _cells(lambda _, dice: dice.choice(["x", "9", "{", "é"]) * LONG)),
    ("swapped values", _shuffled),
    ("missing cells", _fewer),
    ("more cells", _more),
    ("wrong encoding", _bytes),
    ("repeated row", lambda cells, _: _record(cells)),
    ("untouched", lambda cells, _: _record(cells)),
)


def rows_of(sample: Path) -> list[Row]:
    """Return the sound rows of a sample in JSON lines or CSV, the values of a CSV as text."""
    if sample.suffix == ".csv":
        with sample.open(encoding="utf-8", newline="") as file:
            return [{name: value for name, value in row.items() if name} for row in csv.DictReader(file)]
    found = []
    for line in sample.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and row:
            found.append(row)
    return found


def document(sample: Path) -> list[Row]:
    """Return the one JSON object that a sample is; none where it is something else."""
    try:
        found = json.loads(sample.read_bytes())
    except (ValueError, RecursionError):
        return []
    return [found] if isinstance(found, dict) and found else []
