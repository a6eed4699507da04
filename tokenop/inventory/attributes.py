"""The only way to a resource's values: what a kind's table names, minus what Terraform marks as sensitive or unknown.

Everything else in a state or plan (user data, environment, tags, passwords in plain text) is dropped here, before any
other code sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

_STEP = re.compile(r"[^.\[\]]+|\[\]")
LONGEST_TEXT = 512
MOST_ITEMS = 1_000


class Tree(dict[str, "Tree"]):
    """Names that may be read, nested; `[]` stands for every item of a list. An empty tree is a single value."""


def tree(paths: Iterable[str]) -> Tree:
    """Return the declared paths, such as `node_config[].guest_accelerator[].type`, as one tree."""
    root = Tree()
    for path in paths:
        here = root
        for step in _STEP.findall(path):
            here = here.setdefault(step, Tree())
    return root


@dataclass(slots=True)
class Values:
    """The allowed values of one resource: plain numbers, flags and short texts, nested as Terraform nests them."""

    content: Any
    unknown: set[str] = field(default_factory=set)

    def get(self, path: str) -> Any:
        """Return the value at a path such as `config[0].name`; None where absent, unknown or sensitive."""
        found = self.content
        for step in re.findall(r"[^.\[\]]+", path):
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found

    def text(self, path: str) -> str | None:
        """Return a text without line breaks, or None."""
        value = self.get(path)
        return value if isinstance(value, str) and value and value.isprintable() else None

    def whole(self, path: str) -> int | None:
        """Return a whole number from 0 on, also where it is spelled as text or decimal, or None."""
        return whole(self.get(path))

    def flag(self, path: str) -> bool | None:
        """Return true or false, or None."""
        value = self.get(path)
        return value if isinstance(value, bool) else None

    def items(self, path: str) -> list[Any]:
        """Return the items of a list; a nested block that is not a list counts as the only one."""
        value = self.get(path)
        if isinstance(value, list):
            return value
        return [] if value is None or value == "" else [value]

    def blocks(self, path: str) -> list[Values]:
        """Return the items of a list of nested blocks; what is unknown in them is reported by the whole."""
        return [Values(item, self.unknown) for item in self.items(path) if isinstance(item, dict)]

    def is_unknown(self, path: str) -> bool:
        """Return whether the value at `path` (indices left out) or above it is unknown or sensitive."""
        name = re.sub(r"\[\d*\]", "", path)
        return any(name == other or name.startswith(f"{other}.") for other in self.unknown)


def whole(value: Any) -> int | None:
    """Return a whole number from 0 on, in any spelling, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, float | Decimal) and (not Decimal(value).is_finite() or value != int(value)):
        return None
    return int(value) if isinstance(value, int | float | Decimal) and 0 <= value <= 10**9 else None


def select(values: Any, allowed: Tree, sensitive: Any = None, unknown: Any = None) -> Values:
    """Return the allowed part of a resource's values.

    Args:
        values: the resource's attributes as Terraform writes them.
        allowed: what may be read.
        sensitive: Terraform's mask of secrets; `true` at a place hides all that is below it.
        unknown: its mask of what is known only after apply.
    """
    hidden: set[str] = set()
    content = _selected(values if isinstance(values, dict) else {}, allowed, (sensitive, unknown), "", hidden)
    return Values(content if isinstance(content, dict) else {}, hidden)


def _selected(value: Any, allowed: Tree, masks: tuple[Any, Any], path: str, hidden: set[str]) -> Any:
    if any(mask is True for mask in masks):
        hidden.add(path or "all")
        return None
    if not allowed:
        # A mask that goes deeper than what is read hides it as well: better too little than a secret.
        if any(_masks_something(mask) for mask in masks):
            hidden.add(path)
            return None
        return _scalar(value)
    if "[]" in allowed:
        return _listed(value, allowed["[]"], masks, path, hidden)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        # A block that the table takes as single: providers differ in whether they nest it in a list.
        return _selected(value[0], allowed, (_item(masks[0], 0), _item(masks[1], 0)), path, hidden)
    mapping = value if isinstance(value, dict) else {}
    found = {}
    for name, below in allowed.items():
        inner = (_below(masks[0], name), _below(masks[1], name))
        if name in mapping or any(inner):
            found[name] = _selected(mapping.get(name), below, inner, f"{path}.{name}" if path else name, hidden)
    return found or None


def _listed(value: Any, below: Tree, masks: tuple[Any, Any], path: str, hidden: set[str]) -> Any:
    items = value if isinstance(value, list) else [] if value is None else [value]
    lengths = [len(mask) for mask in masks if isinstance(mask, list)]
    count = min(max([len(items), *lengths]), MOST_ITEMS)
    return [
        _selected(
            items[index] if index < len(items) else None,
            below,
            (_item(masks[0], index), _item(masks[1], index)),
            path,
            hidden,
        )
        for index in range(count)
    ]


def _below(mask: Any, name: str) -> Any:
    return mask.get(name) if isinstance(mask, dict) else None


def _item(mask: Any, index: int) -> Any:
    if isinstance(mask, list):
        return mask[index] if index < len(mask) else None
    return mask if isinstance(mask, dict) else None


def _masks_something(mask: Any) -> bool:
    waiting = [mask]
    while waiting:
        here = waiting.pop()
        if here is True:
            return True
        waiting += here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()
    return False


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else None
    return value if isinstance(value, bool | int | float | Decimal) else None


def mask_of(steps: Iterable[Any]) -> dict[str, Any]:
    """Return the `sensitive_attributes` of a raw state (paths as lists of steps) as a mask."""
    mask: dict[str, Any] = {}
    for path in steps:
        names = list(_names(path))
        # An index within a path hides the whole list: the order of a set says nothing.
        here = mask
        for name in names[:-1]:
            below = here.setdefault(name, {})
            if below is True:
                break
            here = below
        else:
            if names:
                here[names[-1]] = True
    return mask


def _names(path: Any) -> Iterator[str]:
    for step in path if isinstance(path, list) else ():
        value = step.get("value") if isinstance(step, Mapping) else None
        if not isinstance(value, str):
            return
        yield value
