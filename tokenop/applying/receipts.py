"""Receipts: what was applied to a project, kept in its folder `.tokenop/receipts`, so that anyone can take it back."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from tokenop.applying.model import Receipt, State, Target
from tokenop.applying.root import OWN, Root, complaint
from tokenop.errors import InputError

FOLDER = f"{OWN}/receipts"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


def path(template: str) -> str:
    """Return where the receipt of a template lies in a project."""
    return f"{FOLDER}/{template}.json"


def load(root: Root) -> tuple[Receipt, ...]:
    """Return all receipts of a project in the order of application.

    Raises:
        InputError: one of them was changed so that it says nothing anymore.
    """
    names = [name.removesuffix(".json") for name in root.names(FOLDER) if name.endswith(".json")]
    found = [receipt for name in names if _NAME.match(name) and (receipt := find(root, name))]
    return tuple(sorted(found, key=lambda receipt: (receipt.sequence, receipt.template)))


def find(root: Root, template: str) -> Receipt | None:
    """Return the receipt of one template, None where it is not applied.

    Raises:
        InputError: the receipt was changed so that it says nothing anymore.
    """
    if not _NAME.match(template):
        return None
    state = root.read(path(template))
    if state is None:
        return None
    where = root.path / path(template)
    try:
        receipt = parsed(json.loads(state.content))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise InputError(f"{where}: is no receipt of tokenop ({error}); bring it back from version control") from error
    if receipt.template != template:
        raise InputError(f"{where}: is the receipt of {receipt.template}; bring the right one back")
    return receipt


def text(receipt: Receipt) -> str:
    """Return the receipt as it is written."""
    return json.dumps(receipt.as_dict(), indent=2, ensure_ascii=False, default=str) + "\n"


def parsed(entry: Mapping[str, Any]) -> Receipt:
    """Return the receipt that JSON says. A receipt comes from a repository: its paths are checked like a template's.

    Raises:
        ValueError, KeyError, TypeError: it says none.
    """
    if entry["schema_version"] != 1:
        raise ValueError(f"schema_version {entry['schema_version']} is not known")
    day = entry["day"]
    folders = tuple(str(folder) for folder in entry["folders"])
    for folder in folders:
        _checked(folder)
    return Receipt(
        template=str(entry["template"]),
        version=str(entry["version"]),
        sha256=str(entry["sha256"]),
        parameters={str(name): value for name, value in entry["parameters"].items()},
        requires=tuple(str(name) for name in entry["requires"]),
        conflicts=tuple(str(name) for name in entry["conflicts"]),
        sequence=int(entry["sequence"]),
        day=None if day is None else date.fromisoformat(day),
        targets=tuple(_target(one) for one in entry["targets"]),
        folders=folders,
    )


def _target(entry: Mapping[str, Any]) -> Target:
    after = state(entry["after"])
    if after is None:
        raise ValueError("a target without its state afterwards")
    return Target(_checked(str(entry["target"])), state(entry["before"]), after)


def _checked(target: str) -> str:
    if why := complaint(target):
        raise ValueError(f"{target!r} {why}")
    return target


def state(entry: Mapping[str, Any] | None) -> State | None:
    """Return the file that JSON says, None for none.

    Raises:
        ValueError, KeyError: it says none, or other bytes than its hash.
    """
    if entry is None:
        return None
    said = entry["content"]
    content = said.encode("utf-8") if entry["encoding"] == "text" else base64.b64decode(said, validate=True)
    found = State(content, int(entry["mode"], 8) & 0o777)
    if found.sha256 != entry["sha256"]:
        raise ValueError("content and sha256 disagree")
    return found
