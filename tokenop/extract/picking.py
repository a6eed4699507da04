"""Taking out of an answer what is declared, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tokenop.errors import MisuseError
from tokenop.extract.failures import Asked, MalformedError
from tokenop.extract.model import Row, Stream, Window

# What to keep of a nested value: True for a scalar or a list of scalars, a mapping for an object.
Kept = Mapping[str, "bool | Kept"]
SECOND = timedelta(seconds=1)


def pick(value: object, kept: Kept | bool) -> Any:
    """Return the part of a nested value that `kept` names, None where nothing is left.

    An object where a scalar was named is dropped: whatever a vendor adds there was not declared.
    """
    if kept is True or kept is False:
        scalars = value if isinstance(value, list) else [value]
        return value if kept and not any(isinstance(entry, dict | list) for entry in scalars) else None
    if not isinstance(value, dict):
        return None
    found = {name: pick(value[name], kept[name]) for name in kept if name in value}
    return {name: part for name, part in found.items() if part is not None} or None


def numbers(value: object) -> dict[str, object] | None:
    """Return the entries of an object whose values are numbers: token counts and costs under names of any kind."""
    if not isinstance(value, dict):
        return None
    found = {str(name): entry for name, entry in value.items() if is_number(entry)}
    return found or None


def is_number(value: object) -> bool:
    """Tell whether `value` is a JSON number; fractions arrive as text."""
    if isinstance(value, str):
        return len(value) <= 40 and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def rows_of(answer: object, key: str, asked: Asked) -> list[dict[str, Any]]:
    """Return the list of objects under `key`.

    Raises:
        MalformedError: there is none.
    """
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise MalformedError(f"{asked}: answered without a list of objects under {key!r}")
    return found


def instant(text: object) -> datetime | None:
    """Return a time as vendors write it, in UTC; without a zone it is UTC. None where it is none."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def inside(rows: Iterable[Row], time: str, window: Window) -> list[Row]:
    """Return the rows with `since <= time < until`. A row whose time cannot be read stays: `discover` rejects it."""
    kept = []
    for row in rows:
        when = instant(row.get(time))
        if when is None or window.since <= when < window.until:
            kept.append(row)
    return kept


def stamp(when: datetime, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return a time in UTC as the source wants it, by default in RFC 3339."""
    return when.astimezone(UTC).strftime(form)


def narrowed(fetch: Callable[[Window], list[Row] | None], window: Window) -> Iterator[list[Row]]:
    """Yield what `fetch` gives for `window`, halved where it returns None because one page cannot hold it.

    For sources that page by offset over rows whose order is not total: rows of equal time may change places between
    two pages. One window that fits one page cannot lose any.
    """
    todo = [window]
    while todo:
        part = todo.pop()
        found = fetch(part)
        if found is not None:
            yield found
            continue
        half = part.since + SECOND * max(1, int((part.until - part.since) / SECOND / 2))
        todo += [Window(half, part.until), Window(part.since, half)]


def splittable(window: Window) -> bool:
    """Tell whether `window` can be halved on a whole second."""
    return window.until - window.since > SECOND


def fresh(cursor: str, seen: set[str], asked: Asked) -> str:
    """Return `cursor` and remember it.

    Raises:
        MalformedError: the source gave it before; it would go in circles.
    """
    if cursor in seen:
        raise MalformedError(f"{asked}: the next page is one that was read before")
    seen.add(cursor)
    return cursor


def only(row: Mapping[str, object], stream: Stream) -> Row:
    """Return the declared columns of a row, those without a value left out."""
    return {name: row[name] for name in stream.columns if row.get(name) is not None}


def filled(text: str, settings: Mapping[str, str], allowed: str = r"[A-Za-z0-9_.@-]+") -> str:
    """Return the path `text` with each `{setting}` filled in.

    Raises:
        MisuseError: a value would change what the path means.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not re.fullmatch(allowed, settings.get(name, "")):
            raise MisuseError(f"--setting {name}={settings.get(name, '')!r}: letters, digits, _ . @ and - only")
        return settings[name]

    return re.sub(r"\{(\w+)\}", value, text)


def listed(text: str, pattern: str, setting: str) -> tuple[str, ...]:
    """Return the entries of a setting that holds a list separated by commas.

    Raises:
        MisuseError: an entry is not of the form `pattern`.
    """
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        if not re.fullmatch(pattern, entry):
            raise MisuseError(f"--setting {setting}={text}: {entry!r} is not one; separate them by commas")
    return entries


def columns_of(stream: Stream, names: Collection[str]) -> tuple[str, ...]:
    """Return those of `names` that the stream declares, in the order of `names`."""
    return tuple(name for name in names if name in stream.columns)


def bucket(entry: Mapping[str, Any], stream: Stream, result: Kept) -> Row:
    """Return one bucket of an aggregate with what `result` names of its results, these in one fixed order."""
    found = entry.get("results")
    parts = [pick(part, result) for part in found] if isinstance(found, list) else []
    kept = sorted((part for part in parts if part), key=lambda part: json.dumps(part, sort_keys=True))
    scalars = {name: value for name, value in entry.items() if not isinstance(value, dict | list)}
    return only({**scalars, "results": kept or None}, stream)
