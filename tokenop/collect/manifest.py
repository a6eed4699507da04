"""What a collector says of itself: the frontmatter of its README, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenop import documents, settings
from tokenop.collect import manifest_extract
from tokenop.collect.manifest_extract import Extract
from tokenop.collect.options import nearest
from tokenop.errors import Finding, FindingsError, MisuseError
from tokenop.events.schema import types

Format = Literal["jsonl", "json", "csv", "parquet", "any"]
Convention = Literal["inclusive", "exclusive", "flagged"]
# What a collector gives: calls (events.jsonl), aggregates (usage.jsonl), resources (inventory.yaml).
RecordKind = Literal["events", "usage", "inventory"]

RULE = "COLLECTOR-MANIFEST"
# Where a type stands in a declaration: at its end, or before what closes or separates a member.
_ROUNDED = re.compile(
    r"(^|[\s(])(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|REAL|DOUBLE|DECIMAL|NUMERIC|DATE|TIMESTAMP\w*)"
    r"(\([\d,\s]*\))?\s*($|[,)\[])",
    re.IGNORECASE,
)
# key → (what it must be, whether it must be there)
_KEYS: dict[str, tuple[type | tuple[type, ...], bool]] = {
    "name": (str, True),
    "title": (str, True),
    "version": (str, True),
    "source": (str, True),
    "kind": (str, False),
    "input": (dict, True),
    "convention": (str, False),
    "rows": (str, False),
    "zero_cost": (str, False),
    "dedupe": (list, False),
    "settings": (dict, False),
    "grants": (list, True),
    "egress": (list, True),
    "extract": (dict, False),
    "sample_license": (str, True),
    "verified_on": (str, True),
    "evidence": (str, True),
}
_INPUT_KEYS: dict[str, tuple[type | tuple[type, ...], bool]] = {
    "format": (str, True),
    "glob": ((str, list), True),
    "default_paths": (list, False),
    "columns": (dict, False),
    "keep_raw": (bool, False),
    "mappable": (bool, False),
    "aliases": (dict, False),
    "private": (list, False),
    "recognised_by": (list, False),
}
_CHOICES = {
    "kind": ("events", "usage", "inventory"),
    "convention": ("inclusive", "exclusive", "flagged"),
    "rows": ("one", "expanded"),
    "zero_cost": ("unknown", "free"),
    "input.format": ("jsonl", "json", "csv", "parquet", "any"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that the user may change; with `choices`, to one of these only."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One collector, ready to run. `columns` maps each declared source column to its DuckDB type."""

    name: str
    title: str
    version: str
    source: str
    kind: RecordKind
    folder: Path
    format: Format
    globs: tuple[str, ...]
    default_paths: tuple[str, ...]
    columns: Mapping[str, str]
    keep_raw: bool
    mappable: bool
    aliases: Mapping[str, tuple[str, ...]]
    private: frozenset[str]
    convention: Convention
    rows: Literal["one", "expanded"]
    zero_cost: Literal["unknown", "free"]
    dedupe: tuple[str, ...]
    settings: tuple[Setting, ...]
    grants: tuple[str, ...]
    egress: tuple[str, ...]
    verified_on: str
    evidence: str
    extract: Extract | None = None
    # Sets of names: a row that has all of one set is one of this collector's.
    recognised_by: tuple[tuple[str, ...], ...] = ()

    @property
    def readme(self) -> Path:
        """Where the manifest stands."""
        return self.folder / "README.md"

    @property
    def map_file(self) -> Path:
        """Where the mapping stands."""
        return self.folder / "map.sql"

    @property
    def staged_columns(self) -> dict[str, str]:
        """Return the columns of the relation `source` with their types, `_file` and `_line` included."""
        return {**self.columns, "_file": "VARCHAR", "_line": "BIGINT"}

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return each setting's value: given as `collector.name`, as `name`, or its default."""
        return {s.name: given.get(f"{self.name}.{s.name}", given.get(s.name, s.default)) for s in self.settings}


def names(folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of the collectors in `folder` (by default the shipped ones), sorted."""
    root = folder or settings.content("collectors")
    return tuple(sorted(path.parent.name for path in root.glob("*/README.md")))


def find(name: str, folder: Path | None = None) -> Manifest:
    """Return the collector `name`.

    Raises:
        MisuseError: there is no such collector; the message names those most like it.
        FindingsError: its manifest is wrong.
    """
    known = names(folder)
    if name not in known:
        raise MisuseError(f"{name}: is not a collector{nearest(name, known)}; `tokenop collectors list` shows them")
    return load((folder or settings.content("collectors")) / name)


def load(folder: Path) -> Manifest:
    """Return the manifest in `folder`'s README.md.

    Raises:
        FindingsError: whatever is wrong in it, all at once.
        InputError: the file cannot be read.
    """
    document = documents.load(folder / "README.md")
    problems = _problems(document)
    if document.meta.get("name") not in (None, folder.name):
        problems.append(_finding(document, "name", f"is not the folder's name, {folder.name}", "make them the same"))
    if problems:
        raise FindingsError(problems)
    meta = document.meta
    source: dict[str, Any] = meta["input"]
    mappable = bool(source.get("mappable", False))
    glob = source["glob"]
    return Manifest(
        name=meta["name"],
        title=meta["title"],
        version=meta["version"],
        source=meta["source"],
        kind=meta.get("kind", "events"),
        folder=folder,
        format=source["format"],
        globs=(glob,) if isinstance(glob, str) else tuple(glob),
        default_paths=tuple(source.get("default_paths", ())),
        columns=dict.fromkeys(types(), "VARCHAR") if mappable else dict(source.get("columns", {})),
        keep_raw=bool(source.get("keep_raw", False)),
        mappable=mappable,
        aliases={name: tuple(others) for name, others in source.get("aliases", {}).items()},
        private=frozenset(source.get("private", ())),
        convention=meta.get("convention", "inclusive"),
        rows=meta.get("rows", "one"),
        zero_cost=meta.get("zero_cost", "unknown"),
        dedupe=tuple(meta.get("dedupe", ())),
        settings=tuple(
            Setting(name, entry["default"], entry["description"], tuple(entry.get("choices", ())))
            for name, entry in meta.get("settings", {}).items()
        ),
        grants=tuple(meta["grants"]),
        egress=tuple(meta["egress"]),
        verified_on=meta["verified_on"],
        evidence=meta["evidence"],
        extract=manifest_extract.parse(meta),
        recognised_by=tuple(tuple(names) for names in source.get("recognised_by", ())),
    )


def _problems(document: documents.Document) -> list[Finding]:
    found = _shape(document, document.meta, _KEYS, "")
    source = document.meta.get("input")
    if isinstance(source, dict):
        found += _shape(document, source, _INPUT_KEYS, "input.")
        found += _columns(document, source)
        found += _globs(document, source.get("glob"))
    found += _texts(document)
    found += [_finding(document, *trouble) for trouble in manifest_extract.troubles(document.meta)]
    for path, allowed in _CHOICES.items():
        value = document.value(path)
        if isinstance(value, str) and value not in allowed:
            found.append(_finding(document, path, f"{value!r} is not known", f"one of {', '.join(allowed)}"))
    if isinstance(document.meta.get("settings"), dict):
        found += _settings(document, document.meta["settings"])
    resources = document.meta.get("kind") == "inventory"
    if not resources and "convention" not in document.meta:
        found.append(_finding(document, "convention", "is missing", "say how input tokens count cached ones"))
    if isinstance(document.meta.get("dedupe"), list) and document.meta.get("kind", "events") == "events":
        found += [
            _finding(document, f"dedupe[{index}]", f"{name!r} is not a field of the event", "name event fields")
            for index, name in enumerate(document.meta["dedupe"])
            if name not in types()
        ]
    return found


def _shape(
    document: documents.Document,
    mapping: dict[str, Any],
    keys: Mapping[str, tuple[type | tuple[type, ...], bool]],
    prefix: str,
) -> list[Finding]:
    found = []
    for name, value in mapping.items():
        if name not in keys:
            found.append(_finding(document, prefix + name, "is not a key of the manifest", nearest(name, keys).strip()))
        elif not isinstance(value, keys[name][0]):
            kinds = keys[name][0]
            wanted = kinds.__name__ if isinstance(kinds, type) else " or ".join(kind.__name__ for kind in kinds)
            found.append(_finding(document, prefix + name, f"must be a {wanted}", "correct the value"))
    for name, (_, required) in keys.items():
        if required and name not in mapping:
            found.append(_finding(document, prefix + name, "is missing", "add it"))
    return found


def _globs(document: documents.Document, glob: object) -> list[Finding]:
    patterns = glob if isinstance(glob, list) else [glob] if isinstance(glob, str) else []
    problems = []
    for pattern in patterns:
        steps = pattern.split("/") if isinstance(pattern, str) else []
        if not pattern or any("**" in step and step != "**" for step in steps):
            problems.append(f"{pattern!r} is not a pattern")
        elif steps and (pattern.startswith(("/", "~")) or ".." in steps):
            problems.append(f"{pattern!r} leaves the folder to read")
    return [_finding(document, "input.glob", problem, "write one such as **/*.jsonl") for problem in problems]


def _texts(document: documents.Document) -> list[Finding]:
    """Return a finding for each list that holds something else than texts."""
    lists = {path: document.value(path) for path in ("grants", "egress", "input.default_paths", "input.private")}
    lists["input.glob"] = document.value("input.glob")
    known_by = document.value("input.recognised_by")
    for index, entry in enumerate(known_by if isinstance(known_by, list) else ()):
        lists[f"input.recognised_by[{index}]"] = entry if isinstance(entry, list) and entry else [None]
    for place in ("input.aliases", "settings"):
        entries = document.value(place)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if place == "settings":
                if isinstance(entry, dict):
                    lists[f"settings.{name}.choices"] = entry.get("choices")
            else:
                lists[f"{place}.{name}"] = entry if isinstance(entry, list) else [None]
    return [
        _finding(document, path, "must be a list of texts", "quote what is in it")
        for path, value in lists.items()
        if isinstance(value, list) and not all(isinstance(entry, str) for entry in value)
    ]


def _columns(document: documents.Document, source: dict[str, Any]) -> list[Finding]:
    found = []
    columns = source.get("columns", {})
    resources = document.meta.get("kind") == "inventory"
    if not source.get("mappable") and not columns and not resources:
        found.append(
            _finding(document, "input.columns", "no column is declared", "name the columns that map.sql reads")
        )
    if isinstance(columns, dict):
        for name, kind in columns.items():
            if not isinstance(kind, str) or not re.fullmatch(r"[A-Za-z0-9_(),\[\]\s\"]+", kind):
                found.append(_finding(document, f"input.columns.{name}", "is not a DuckDB type", "such as VARCHAR"))
            elif source.get("format") != "parquet" and _ROUNDED.search(kind):
                # A typed reader rounds 12.7 tokens to 13 and drops the offset of a time.
                message = f"{kind} would be read with silent rounding"
                found.append(
                    _finding(document, f"input.columns.{name}", message, "declare it VARCHAR, cast in map.sql")
                )
            if not name.strip() or [other.lower() for other in columns].count(name.lower()) > 1:
                message = "is no name, or differs from another in case alone"
                found.append(_finding(document, f"input.columns.{name}", message, "give each column a name of its own"))
            if name in ("_file", "_line"):
                found.append(_finding(document, f"input.columns.{name}", "is added by the engine", "remove it"))
    return found


def _settings(document: documents.Document, entries: dict[str, Any]) -> list[Finding]:
    found = []
    for name, entry in entries.items():
        path = f"settings.{name}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            found.append(_finding(document, path, "is not a name", "use small letters, digits and underscores"))
        if not isinstance(entry, dict) or set(entry) - {"choices"} != {"default", "description"}:
            fix = "say both, and choices where only some values mean something"
            found.append(_finding(document, path, "needs default and description", fix))
        elif not all(isinstance(entry[key], str) for key in ("default", "description")):
            found.append(_finding(document, path, "default and description must be text", "quote them"))
        elif not isinstance(entry.get("choices", []), list):
            found.append(_finding(document, f"{path}.choices", "must be a list", "such as [unknown, free]"))
    return found


def _finding(document: documents.Document, path: str, message: str, fix: str = "") -> Finding:
    line, column = document.line(path)
    return Finding(str(document.path), line, path, RULE, "error", message, column, fix)
