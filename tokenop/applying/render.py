"""Values of a template as text in the form of the place that they go to."""

from __future__ import annotations

import json
import re
from typing import Any

from tokenop.applying.tree import Entry, Node, column, data, line_end

# What ends a plain scalar within brackets, or starts something else.
_NOT_PLAIN = re.compile(r"[,\[\]{}\n]|:(?=\s|\Z)|\s#")


def in_brackets(text: str, node: Node) -> str:
    """Return a YAML value on one line, fit to stand within brackets as well as after a key."""
    if node.kind == "mapping":
        inner = ", ".join(f"{key_text(text, entry)}: {in_brackets(text, entry.node)}" for entry in node.entries)
        return f"{{{inner}}}"
    if node.kind == "list":
        return f"[{', '.join(in_brackets(text, entry.node) for entry in node.entries)}]"
    source = text[node.start : node.end]
    if not source:
        return "null"
    plain = not node.style and not _NOT_PLAIN.search(source)
    if plain or (node.style in ("'", '"') and "\n" not in source):
        return source
    return quoted(str(node.value[1]))


def key_text(text: str, entry: Entry) -> str:
    """Return a key as the template writes it."""
    source = text[entry.start : entry.after]
    return source if source and not _NOT_PLAIN.search(source) else quoted(str(entry.key))


def quoted(value: str, style: str = '"') -> str:
    """Return a text in quotes, which YAML and, with double ones, JSON read back as the same."""
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    escaped = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", escaped)


def block(text: str, start: int, end: int, indent: int, newline: str) -> str:
    """Return the lines of `text` from `start` to the end of `end`'s line, moved so that the first begins at `indent`.

    The first line comes without its indentation.
    """
    base = column(text, start)
    first, *rest = text[start : line_end(text, max(start, end))].split("\n")
    moved = [first.rstrip("\r")]
    for line in rest:
        body = line.lstrip(" ")
        moved.append(" " * (indent + max(len(line) - len(body) - base, 0)) + body if body.strip() else "")
    return newline.join(moved)


def text_block(text: str, node: Node, by: int) -> tuple[str, str]:
    """Return the header of a text of several lines (`|` and the like), and its lines, moved by `by` columns."""
    end = line_end(text, node.start)
    moved = []
    for line in text[end : line_end(text, node.end)].replace("\r\n", "\n").split("\n")[1:]:
        body = line.lstrip(" ")
        moved.append(" " * max(len(line) - len(body) + by, 0) + body if body else "")
    return text[node.start : end].rstrip(), "\n".join(moved)


def lead(text: str, at: int, floor: int) -> list[str]:
    """Return the comment lines right above the line of `at`, without indentation; none from before `floor`."""
    lines: list[str] = []
    start = at - column(text, at)
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above : start - 1].strip()
        if above < floor or not line.startswith("#"):
            break
        lines.insert(0, line)
        start = above
    return lines


def as_json(node: Node, step: str | None, indent: str, newline: str) -> str:
    """Return a value as JSON, its later lines indented below `indent`; on one line where `step` is None."""
    written = json.dumps(_plain(data(node)), indent=step, ensure_ascii=False)
    # Keys and texts hold no raw line break in JSON: each one is the layout's own.
    return written.replace("\n", newline + indent)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    kind, said = value
    if kind == "odd":
        return json.loads(said)
    return (int(said) if kind == "integer" else float(said)) if kind in ("integer", "number") else said
