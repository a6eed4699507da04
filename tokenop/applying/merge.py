"""One file's text with a template's keys in it. What the user wrote stays: comments, order, quotes, indentation.

- A key that is missing is added at the end of its mapping, as the template writes it, with its comment.
- A single value that differs is replaced. The diff shows it.
- A list keeps what it holds; items that are missing are added at its end, in the template's order.
- A mapping or list that would have to become something else stops the merge.

The text is edited at positions. What comes out is read again and must say exactly what the rules say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tokenop.applying import json_tree, yaml_tree
from tokenop.applying.edits import BY_HAND, Edits, JsonEdits, YamlEdits
from tokenop.applying.tree import Node, data, line_break, missing, refuse

_Parse = Callable[[str, str], Node | None]


def yaml(mine: str, theirs: str, name: str) -> str:
    """Return the YAML text `mine` with the keys of `theirs`; `name` is what errors call the file.

    Raises:
        FindingsError: `mine` cannot be merged into; the first place in the way, with its line.
    """
    return _merged(mine, theirs, name, yaml_tree.parse, YamlEdits)


def json(mine: str, theirs: str, name: str) -> str:
    """Return the JSON text `mine` with the keys of `theirs`, in the indentation of `mine`.

    Raises:
        FindingsError: `mine` cannot be merged into; the first place in the way, with its line.
    """
    return _merged(mine, theirs, name, json_tree.parse, JsonEdits)


def text(mine: str, theirs: str) -> str:
    """Return `mine` with `theirs` at its end, unchanged where it holds these lines already."""
    newline = line_break(mine)
    added = theirs.removesuffix("\n").replace("\r\n", "\n") + "\n"
    ended = mine if not mine or mine.endswith("\n") else mine + newline
    there = f"\n{added}" in "\n" + ended.replace("\r\n", "\n")
    return mine if there else ended + added.replace("\n", newline)


def _merged(mine: str, theirs: str, name: str, parse: _Parse, make: type[Edits]) -> str:
    mark = "\ufeff" if mine.startswith("\ufeff") else ""
    mine, theirs = mine[len(mark) :], theirs.replace("\r\n", "\n").removesuffix("\n") + "\n"
    ours, wanted = parse(mine, name), parse(theirs, f"the template's part of {name}")
    if wanted is None:
        return mark + mine
    edits = make(mine, theirs, name)
    if ours is None:
        return mark + edits.whole()
    edits.merge(ours, wanted)
    result = edits.result()
    expected = agreed(data(ours), data(wanted))
    try:
        sound = data(parse(result, name)) == expected
    except Exception:  # a text that our own edits broke is no finding about the user's file
        sound = False
    if not sound:
        # A text of several lines at the very end would get the line break that is missing there.
        fix = BY_HAND if mine.endswith("\n") else "end the file with a line break first"
        raise refuse(name, mine, edits.first(), "is written in a way that cannot be edited safely", fix)
    return mark + result


def agreed(mine: Any, theirs: Any) -> Any:
    """Return what the merged file must say, by the rules above; what stops a merge does not come here."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine | {key: agreed(mine[key], value) if key in mine else value for key, value in theirs.items()}
    if isinstance(mine, list) and isinstance(theirs, list) and mine:
        return [*mine, *missing(mine, theirs)]
    return theirs
