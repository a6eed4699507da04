"""Receipts: what was applied to a project, kept in its folder `.tokenop/receipts`, so that anyone can take it back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tokenop.applying.model import Receipt, State, Target
from tokenop.applying.root import MAX_OWN_BYTES, OWN, Root, complaint
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
    state = root.read(path(template), MAX_OWN_BYTES)
    if state is None:
        return None
    where = root.path / path(template)
    try:
        receipt = parsed(loaded(state.content, "receipt"))
    except ValueError as error:
        raise InputError(f"{where}: is no receipt of tokenop ({error}); bring it back from version control") from error
    if receipt.template != template:
        raise InputError(f"{where}: is the receipt of {receipt.template}; bring the right one back")
    return receipt


def text(receipt: Receipt) -> str:
    """Return the receipt as it is written."""
    return json.dumps(receipt.as_dict(), indent=2, ensure_ascii=False, default=str) + "\n"


def loaded(content: bytes, kind: str) -> dict[str, Any]:
    """Return what a file of ours says, `kind` being `receipt` or `journal`: it may have been changed by anybody.

    Raises:
        ValueError: it does not fit the schema of its kind.
    """
    try:
        entry: dict[str, Any] = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    for wrong in _validator(kind).iter_errors(entry):
        where = "/".join(str(part) for part in wrong.instance_path)
        raise ValueError(f"{where or 'the whole of it'} does not fit its schema")
    return entry


@cache
def _validator(kind: str) -> Any:
    import jsonschema_rs

    here = Path(__file__)
    defined = json.loads(here.with_name("receipt.schema.json").read_text(encoding="utf-8"))
    if kind == "journal":
        defined = json.loads(here.with_name("journal.schema.json").read_text(encoding="utf-8")) | {
            "$defs": defined["$defs"]
        }
    return jsonschema_rs.validator_for(defined)


def parsed(entry: Mapping[str, Any]) -> Receipt:
    """Return the receipt that JSON says. A receipt comes from a repository: its paths are checked like a template's.

    Args:
        entry: what fits the schema.

    Raises:
        ValueError: a path leads out of the project, or a content is not that of its hash.
    """
    day = entry["day"]
    folders = tuple(_checked(folder) for folder in entry["folders"])
    return Receipt(
        template=entry["template"],
        version=entry["version"],
        sha256=entry["sha256"],
        parameters=entry["parameters"],
        requires=tuple(entry["requires"]),
        conflicts=tuple(entry["conflicts"]),
        sequence=int(entry["sequence"]),
        day=None if day is None else date.fromisoformat(day),
        targets=tuple(_target(one) for one in entry["targets"]),
        folders=folders,
    )


def _target(entry: Mapping[str, Any]) -> Target:
    return Target(_checked(entry["target"]), state(entry["before"]), _state(entry["after"]))


def _checked(target: str) -> str:
    if why := complaint(target):
        raise ValueError(f"{target!r} {why}")
    return target


def state(entry: Mapping[str, Any] | None) -> State | None:
    """Return the file that JSON says, None for none.

    Raises:
        ValueError: it says other bytes than its hash.
    """
    return None if entry is None else _state(entry)


def _state(entry: Mapping[str, Any]) -> State:
    said = entry["content"]
    content = said.encode("utf-8") if entry["encoding"] == "text" else base64.b64decode(said, validate=True)
    found = State(content, int(entry["mode"], 8) & 0o777)
    if found.sha256 != entry["sha256"]:
        raise ValueError("content and sha256 disagree")
    return found
