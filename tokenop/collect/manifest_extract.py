"""The manifest's keys `extract` and `egress`: what a networked source is asked for, and which hosts it may talk to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from tokenop.collect.options import nearest

Slice = Literal["hour", "day", "all"]
SLICES = ("hour", "day", "all")
# What is wrong: path in the manifest, message, fix.
Trouble = tuple[str, str, str]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_LAG = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
# A relation (up to three plain names), a path of a URL, or both with settings in braces.
_RELATION = re.compile(r"[A-Za-z_{][A-Za-z0-9_$}]*(\.[A-Za-z_{][A-Za-z0-9_$}]*){0,2}")
_URL_PATH = re.compile(r"/[A-Za-z0-9_./{}-]*")
_KEYS: dict[str, tuple[type, bool]] = {
    "extra": (str, False),
    "environment": (list, True),
    "streams": (list, True),
}
_STREAM_KEYS: dict[str, tuple[type, bool]] = {
    "name": (str, True),
    "reads": (str, True),
    "time": (str, False),
    "slice": (str, True),
    "lag": (str, False),
    "columns": (list, True),
    "optional_columns": (list, False),
    "optional": (bool, False),
    "instead_of": (str, False),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """One view or endpoint to read.

    Attributes:
        name: folder of its slices.
        reads: relation or URL path, perhaps with `{setting}` in it.
        time: column by which it is cut into slices; empty where `slice` is `all`.
        slice: length of a slice; `all` is a look-up that is fetched whole each time.
        lag: how late rows may still arrive; a slice younger than that is fetched again.
        columns: what is asked for, and nothing else.
        optional_columns: those of `columns` that older or other accounts lack.
        optional: a missing or not granted view is reported and left out.
        instead_of: read only where the stream of that name is missing.
    """

    name: str
    reads: str
    time: str
    slice: Slice
    lag: timedelta
    columns: tuple[str, ...]
    optional_columns: frozenset[str] = frozenset()
    optional: bool = False
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Extract:
    """The network step of a collector: the pip extra it needs, the variables it may see, and its streams."""

    extra: str
    environment: tuple[str, ...]
    streams: tuple[Stream, ...]


def parse(meta: Mapping[str, Any]) -> Extract | None:
    """Return the `extract` key of a manifest that `troubles` finds nothing wrong with; None where it has none."""
    block = meta.get("extract")
    if block is None:
        return None
    return Extract(
        extra=block.get("extra", ""),
        environment=tuple(block["environment"]),
        streams=tuple(_stream(entry) for entry in block["streams"]),
    )


def troubles(meta: Mapping[str, Any]) -> Iterator[Trouble]:
    """Yield what is wrong with the keys `extract` and `egress` of a manifest, whatever their shape."""
    yield from _egress(meta.get("egress"))
    block = meta.get("extract")
    if block is None:
        return
    if not isinstance(block, dict):
        return  # the manifest's own check tells
    shape = list(_shape(block, _KEYS, "extract."))
    yield from shape
    if not meta.get("egress"):
        yield "egress", "is empty, but extract talks to a network", "name each host"
    if shape:
        return
    for index, name in enumerate(block["environment"]):
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            yield f"extract.environment[{index}]", "is not the name of a variable", "such as SNOWFLAKE_ACCOUNT"
    yield from _streams(meta, block["streams"])


def _egress(hosts: object) -> Iterator[Trouble]:
    for index, host in enumerate(hosts if isinstance(hosts, list) else ()):
        if not isinstance(host, str):
            continue  # the manifest's own check tells
        if host.startswith("env:"):
            right = bool(_VARIABLE.fullmatch(host.removeprefix("env:")))
        else:
            right = bool(_HOST.fullmatch(host)) and not host.split(".")[-1].isdigit()
            right = right and not (host.startswith("*.") and host.count(".") < 2)
        if not right:
            yield f"egress[{index}]", f"{host!r} is not a host", "write api.example.com, *.example.com or env:NAME"


def _streams(meta: Mapping[str, Any], streams: list[Any]) -> Iterator[Trouble]:
    if not streams:
        yield "extract.streams", "is empty", "name what is read"
    names = [stream.get("name") for stream in streams if isinstance(stream, dict)]
    source = meta.get("input")
    declared = source.get("columns", {}) if isinstance(source, dict) else {}
    known = {str(column).lower() for column in declared} if isinstance(declared, dict) else set()
    for index, stream in enumerate(streams):
        path = f"extract.streams[{index}]"
        if not isinstance(stream, dict):
            yield path, "must be a mapping", "with name, reads, slice and columns"
            continue
        shape = list(_shape(stream, _STREAM_KEYS, path + "."))
        yield from shape
        if shape:
            continue
        if names.count(stream["name"]) > 1:
            yield f"{path}.name", "is used twice", "give each stream a name of its own"
        before = [str(name) for name in names[:index] if name]
        if stream.get("instead_of") is not None and stream["instead_of"] not in before:
            yield f"{path}.instead_of", "is not a stream above this one", nearest(stream["instead_of"], before).strip()
        yield from _one(stream, path)
        for name in re.findall(r"{(.*?)}", stream["reads"]):
            declared = meta.get("settings")
            if name not in (declared if isinstance(declared, dict) else {}):
                yield f"{path}.reads", f"{{{name}}} is not a setting", "declare it under settings"
        yield from _listed(stream, path, known)


def _one(stream: Mapping[str, Any], path: str) -> Iterator[Trouble]:
    if not _NAME.fullmatch(stream["name"]):
        yield f"{path}.name", "is not a name", "use small letters, digits and underscores"
    reads = stream["reads"]
    if not (_RELATION.fullmatch(reads) or (_URL_PATH.fullmatch(reads) and ".." not in reads)):
        yield f"{path}.reads", f"{reads!r} is neither a view nor the path of a URL", "such as DB.SCHEMA.VIEW or /v1/x"
    if stream["slice"] not in SLICES:
        yield f"{path}.slice", f"{stream['slice']!r} is not known", f"one of {', '.join(SLICES)}"
    elif (stream["slice"] == "all") != (not stream.get("time")):
        yield f"{path}.time", "goes with slices of an hour or a day", "name the column, or say slice: all"
    if stream.get("lag") is not None and not _LAG.fullmatch(stream["lag"]):
        yield f"{path}.lag", f"{stream['lag']!r} is not a duration", "such as 45m, 3h or 2d"


def _listed(stream: Mapping[str, Any], path: str, known: set[str]) -> Iterator[Trouble]:
    columns = stream["columns"]
    if not columns:
        yield f"{path}.columns", "is empty", "name each column that is asked for"
    for key in ("columns", "optional_columns"):
        for index, column in enumerate(stream.get(key) or ()):
            where = f"{path}.{key}[{index}]"
            if not isinstance(column, str) or not column.strip() or "*" in column:
                yield where, "is not a column", "name columns; all of them cannot be asked for"
            elif known and column.lower() not in known:
                yield where, f"{column} is not declared in input.columns", "extract nothing that map.sql cannot read"
            elif key == "optional_columns" and column not in columns:
                yield where, f"{column} is not among columns", "list it there as well"


def _shape(mapping: Mapping[str, Any], keys: Mapping[str, tuple[type, bool]], prefix: str) -> Iterator[Trouble]:
    for name, value in mapping.items():
        if name not in keys:
            yield prefix + str(name), "is not a key here", nearest(str(name), keys).strip() or "remove it"
        elif not isinstance(value, keys[name][0]) and not (value is None and not keys[name][1]):
            yield prefix + name, f"must be a {keys[name][0].__name__}", "correct the value"
    for name, (_, required) in keys.items():
        if required and name not in mapping:
            yield prefix + name, "is missing", "add it"


def _stream(entry: Mapping[str, Any]) -> Stream:
    amount, unit = _LAG.fullmatch(entry.get("lag") or "1h").groups()  # type: ignore[union-attr] # troubles() looked
    return Stream(
        name=entry["name"],
        reads=entry["reads"],
        time=entry.get("time") or "",
        slice=entry["slice"],
        lag=timedelta(**{_UNITS[unit]: int(amount)}),
        columns=tuple(entry["columns"]),
        optional_columns=frozenset(entry.get("optional_columns") or ()),
        optional=bool(entry.get("optional", False)),
        instead_of=entry.get("instead_of") or "",
    )
