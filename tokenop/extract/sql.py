"""The statements that are sent to a warehouse: built from the manifest's names, and read again before they are sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tokenop.errors import MisuseError
from tokenop.extract.model import Stream

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_SETTING = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_NODE_TYPES = {"SELECT_NODE"}
_SOURCES = {"BASE_TABLE"}
_EXPRESSIONS = {
    "COLUMN_REF", "VALUE_CONSTANT", "VALUE_PARAMETER", "CONJUNCTION_AND", "OPERATOR_CAST", "CAST", "TYPE",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHAN",
}  # fmt: skip


def relation(stream: Stream, settings: Mapping[str, str]) -> str:
    """Return the view that a stream reads, settings filled in; empty where a setting that names it is empty.

    Raises:
        MisuseError: what a setting names is not a plain name of a view.
    """
    used = _SETTING.findall(stream.reads)
    if any(not settings.get(name, "").strip() for name in used):
        return ""
    filled = _SETTING.sub(lambda match: settings[match[1]].strip(), stream.reads)
    parts = split_name(filled)
    if parts is None:
        where = f"--setting {used[0]}={settings[used[0]]}" if used else f"stream {stream.name}"
        raise MisuseError(f"{where}: {filled!r} is not the name of a view; write DATABASE.SCHEMA.VIEW")
    return ".".join(parts)


def needs(stream: Stream, view: str, grants: Sequence[str]) -> str:
    """Return which rights a view needs: those of the manifest, or a SELECT on the view that the user named."""
    return f"GRANT SELECT ON {view}" if "{" in stream.reads else "; ".join(grants) or f"SELECT on {view}"


def split_name(text: str) -> tuple[str, ...] | None:
    """Return the one to three parts of a relation's name, each plain or in double quotes; None where it is none.

    A backtick is in none of them: it is the quote of other warehouses, which the name would end.
    """
    parts = re.findall(r'"[^"`\x00-\x1f]{1,255}"|[A-Za-z_][A-Za-z0-9_$]{0,254}', text)
    return tuple(parts) if ".".join(parts) == text and 1 <= len(parts) <= 3 else None


def select(view: str, columns: Sequence[str], time: str, marks: tuple[str, str] | None, quote: str = '"') -> str:
    """Return the SELECT of named columns of `view` where `time` lies in [first mark, second mark).

    Args:
        view: a name that `relation` returned.
        columns: names from the manifest. Plain ones stay unquoted, so that the warehouse's own case rules find them.
        time: column of the time; unused where `marks` is None (a look-up).
        marks: the two expressions that hold the binds.
        quote: what quotes a name that is not plain.
    """
    names = ", ".join(_column(name, quote) for name in columns)
    statement = f"SELECT {names} FROM {view}"
    if marks:
        column = _column(time, quote)
        statement += f" WHERE {column} >= {marks[0]} AND {column} < {marks[1]}"
    return statement


@cache
def check_read_only(statement: str) -> None:
    """Make sure that `statement` is one SELECT of columns of one view, with nothing else in it.

    It was built that way; this reads the text that is sent, as DuckDB's parser understands it.

    Raises:
        MisuseError: it is something else.
    """
    from tokenop import database

    text = statement.replace("`", '"')
    text = re.sub(r":(since|until)\b", r"$\1", text)
    connection = database.connect()
    try:
        row = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    finally:
        connection.close()
    tree = json.loads(row[0]) if row else {"error": True}
    problem = _problem(tree)
    if problem:
        raise MisuseError(f"a statement is not sent: {problem}: {statement}")


def _problem(tree: Mapping[str, Any]) -> str:
    if tree.get("error"):
        return "it is not one SELECT"
    if len(tree["statements"]) != 1:
        return "it is more than one statement"
    node = tree["statements"][0]["node"]
    if node.get("type") not in _NODE_TYPES or node.get("cte_map", {}).get("map"):
        return "it is not one plain SELECT"
    if (node.get("from_table") or {}).get("type") not in _SOURCES:
        return "it reads something else than one view"
    if any(entry.get("type") != "COLUMN_REF" for entry in node.get("select_list", ())):
        return "it asks for something else than named columns"
    found = {kind for kind in _types(node.get("where_clause")) if kind not in _EXPRESSIONS}
    return f"its condition has {', '.join(sorted(found))}" if found else ""


def _types(node: object) -> set[str]:
    """Return the types of all expressions under `node`."""
    if isinstance(node, list):
        return set().union(*map(_types, node))
    if not isinstance(node, dict):
        return set()
    own = {str(node["type"])} if "class" in node else set()
    return own.union(*(_types(value) for value in node.values()))


def _column(name: str, quote: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return quote + name.replace(quote, quote * 2) + quote
