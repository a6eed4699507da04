"""Answers of APIs, saved as they came: a page holds records, beside their number and where the next ones are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

# Under these names the APIs of the sources give their records.
_MEMBERS = ("data", "items", "records", "results", "runs", "value")
_LONGEST = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


def records(value: bytes, known: Collection[str]) -> list[bytes] | None:
    """Return the records of the page that the JSON text `value` is; None where it is none.

    A page is an object with one list of objects under a name that APIs use, and with none of the `known` members
    (small letters) of the records themselves.
    """
    import msgspec

    try:
        members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        lists = [name for name in _MEMBERS if bytes(members.get(name, b""))[:1] == b"["]
        if len(lists) != 1 or any(name.lower() in known for name in members):
            return None
        found = [bytes(record) for record in msgspec.json.decode(members[lists[0]], type=list[msgspec.Raw])]
    except (ValueError, RecursionError):
        return None
    return found if all(record[:1] == b"{" for record in found) else None


def inside(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records in what may be a page, by its shape alone."""
    lists = [page[name] for name in _MEMBERS if isinstance(page.get(name), list)]
    return [record for record in lists[0] if isinstance(record, dict)] if len(lists) == 1 else []


def starts(path: Path, known: Collection[str]) -> bool:
    """Tell whether the first line of the file is a page."""
    with path.open("rb") as file:
        first = file.readline(_LONGEST).removeprefix(_BOM).strip()
    return first[:1] == b"{" and first[-1:] == b"}" and records(first, known) is not None


def spread(elements: Iterator[bytes], known: Collection[str]) -> Iterator[bytes]:
    """Yield `elements`, and the records of a page instead of the page."""
    for element in elements:
        inside = records(element, known) if element.lstrip()[:1] == b"{" else None
        yield from [element] if inside is None else inside


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not blank, without their ends."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            text = (line.removeprefix(_BOM) if number == 0 else line).strip()
            if text:
                yield text
