"""What a map.sql reads, held against what its manifest declares: columns, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tokenop import documents, sqltree
from tokenop.collect.manifest import Manifest
from tokenop.errors import Finding
from tokenop.sqltree import bench
from tokenop.sqltree.problem import did_you_mean, line_and_column

COLUMNS_RULE, SETTINGS_RULE = "COLLECTOR-COLUMNS", "COLLECTOR-SETTINGS"
# The engine itself acts on these, whatever map.sql does with them.
_ENGINE_SETTINGS = ("zero_cost",)
_NAMED_SETTING = re.compile(r"""["'{](\w+)["'}]""")


def problems(collector: Manifest, extractor: str | None = None) -> Iterator[Finding]:
    """Yield a finding for each column and setting that is declared and read by nothing.

    `collector` has a map.sql that parses. `extractor` is the text of the module that extracts for it, which
    reads settings, too. A setting that is read and not declared is refused by `sqltree`.
    """
    text = collector.map_file.read_text(encoding="utf-8")
    document = documents.load(collector.readme)
    names = _names(text)
    if names and not collector.mappable:
        yield from _unread(collector, document, names)
    if extractor is not None or collector.extract is None:
        yield from _settings(collector, document, text, extractor or "")


def undeclared(collector: Manifest) -> list[Finding]:
    """Return a finding for each name in a map.sql that DuckDB cannot bind: neither declared nor given by the query."""
    text = collector.map_file.read_text(encoding="utf-8")
    names = _names(text)
    if not names:
        return []
    declared = {name.lower() for name in collector.staged_columns}
    found: dict[str, Finding] = {}
    for parts, location in names.read:
        # `source.x` is surely a column of the input; a plain name is one where nothing in the query is called so
        qualified = len(parts) > 1 and parts[0] == "source" and "source" not in declared
        name = parts[1] if qualified else parts[0]
        if name in declared or name in found or (not qualified and name in names.relations | names.given):
            continue
        line, column = line_and_column(text, bench.offset(text, location, ""))
        message = f"reads {name}, which is not under input.columns"
        fix = f"declare it in README.md; {did_you_mean(name, collector.staged_columns)}"
        path = str(collector.map_file)
        found[name] = Finding(path, line, name, COLUMNS_RULE, "error", message, column=column, fix=fix)
    return list(found.values())


def _names(text: str) -> _Names | None:
    statements, problem = bench.parse(sqltree.statement(text))
    return None if problem or not statements else _Names(statements[0])


class _Names:
    """The names in a syntax tree: what is read (with its place), and what the query itself gives a name to."""

    def __init__(self, tree: Any) -> None:
        self.read: list[tuple[tuple[str, ...], object]] = []
        self.relations: set[str] = set()
        self.given: set[str] = set()
        self.using: set[str] = set()
        self.stars = False
        self._walk(tree)

    def _walk(self, node: Any) -> None:
        if isinstance(node, list):
            for child in node:
                self._walk(child)
        if not isinstance(node, dict):
            return
        kind = node.get("class")
        alias = str(node.get("alias") or "").lower()
        if kind == "COLUMN_REF":
            parts = tuple(str(name).lower() for name in node.get("column_names", ()))
            self.read.append((parts, node.get("query_location")))
            # `a.b` is called b afterwards
            self.given |= {alias} if alias else set(parts[-1:] if len(parts) > 1 else ())
            return
        if kind == "FUNCTION":
            self.given.add(str(node.get("function_name", "")).lower())
        if kind == "STAR":
            self.stars = True
        if "table_name" in node:
            self.relations.add(str(node["table_name"]).lower())
        if alias:
            (self.given if kind else self.relations).add(alias)
        self.given |= {str(name).lower() for name in node.get("column_name_alias", ())}
        self.using |= {str(name).lower() for name in node.get("using_columns", ())}
        if kind == "LAMBDA":
            self.given |= _parameters(node.get("lhs", {}))
        for value in node.values():
            self._walk(value)

    def columns(self) -> set[str]:
        """Return each name that may be a column of the input: the first of a path, or the one after its relation."""
        found = set(self.using)
        for parts, _ in self.read:
            found.add(parts[0])
            if len(parts) > 1 and parts[0] in self.relations:
                found.add(parts[1])
        return found


def _parameters(left: dict[str, Any]) -> set[str]:
    several = [argument["expression"] for argument in left.get("arguments", ())]
    return {str(name).lower() for node in several or [left] for name in node.get("column_names", ())}


def _unread(collector: Manifest, document: documents.Document, names: _Names) -> Iterator[Finding]:
    from tokenop.events.schema import EVENT, USAGE, types

    read = names.columns()
    if names.stars:
        # `SELECT *` hands on those that are fields already
        read |= set(types(EVENT if collector.kind == "events" else USAGE))
    sliced = {stream.time.lower() for stream in collector.extract.streams} if collector.extract else set()
    for name in collector.columns:
        if name.lower() not in read | sliced:
            line, column = document.key_line(f"input.columns.{name}")
            message = "is declared, but map.sql never reads it"
            fix = "remove it: what is not declared is never parsed"
            place = f"input.columns.{name}"
            yield Finding(str(document.path), line, place, COLUMNS_RULE, "error", message, column=column, fix=fix)
    for key in ("aliases", "private"):
        for name in getattr(collector, key):
            if name not in collector.columns:
                line, column = document.line(f"input.{key}")
                message = f"{name} is not under input.columns"
                yield Finding(
                    str(document.path), line, f"input.{key}", COLUMNS_RULE, "error", message, column=column,
                    fix=did_you_mean(name, collector.columns),
                )  # fmt: skip


def _settings(collector: Manifest, document: documents.Document, text: str, extractor: str) -> Iterator[Finding]:
    """Yield a finding for each setting that changes nothing."""
    used = set(_NAMED_SETTING.findall(text)) | set(_ENGINE_SETTINGS)
    if collector.extract:
        used |= set(_NAMED_SETTING.findall(" ".join(stream.reads for stream in collector.extract.streams)))
        used |= set(_NAMED_SETTING.findall(extractor))
    for setting in collector.settings:
        if setting.name not in used:
            place = f"settings.{setting.name}"
            line, column = document.key_line(place)
            message = "is declared, but nothing reads it"
            fix = f"use getvariable('{setting.name}') in map.sql, or remove it"
            yield Finding(str(document.path), line, place, SETTINGS_RULE, "error", message, column=column, fix=fix)
