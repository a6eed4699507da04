"""What Terraform writes: `show -json` of a state or plan, and the raw state file, as one list of resources."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from tokenop.errors import Finding, FindingsError, InputError
from tokenop.inventory.attributes import Tree, Values, mask_of, select
from tokenop.inventory.model import Change, Kind

RULE = "TERRAFORM"
LARGEST = 256 * 1024 * 1024
DEEPEST_MODULE = 64

_ACTIONS: dict[tuple[str, ...], Change] = {
    ("no-op",): "none",
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    # Terraform lets go of it, and it runs on.
    ("forget",): "none",
    ("create", "forget"): "create",
}
FORGOTTEN = "Terraform will let go of it (removed block), but it keeps running"


@dataclass(slots=True)
class Instance:
    """One resource instance: `values` as they are or will be, `before` as they were where a plan changes them."""

    address: str
    module: str
    type: str
    name: str
    index: str | int | None
    values: Values
    before: Values | None = None
    change: Change = "none"
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Contents:
    """One file: the resources of the wanted types, and how many others there are, by type and reason."""

    path: str
    sha256: str
    kind: Kind
    terraform_version: str | None
    instances: list[Instance] = field(default_factory=list)
    others: dict[tuple[str, str], int] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def leave_out(self, kind: str, reason: str) -> None:
        """Count one resource that is not listed."""
        self.others[kind, reason] = self.others.get((kind, reason), 0) + 1


Allowed = Callable[[str], Tree | None]


def fail(path: str, message: str, fix: str = "", line: int = 0, column: int = 0) -> NoReturn:
    """Refuse a file.

    Raises:
        FindingsError: always.
    """
    raise FindingsError([Finding(path, line, "file", RULE, "error", message, column, fix)])


def read(path: Path, shown: str, allowed: Allowed) -> Contents:
    """Return the resources in a file whose types `allowed` knows.

    Args:
        path: the file.
        shown: what messages call it.
        allowed: gives the tree of readable attributes of a resource type, None for types that are left out.

    Raises:
        FindingsError: it is not what Terraform writes; the finding says what it is and what to do.
        InputError: it cannot be read at all.
    """
    raw = _bytes(path, shown)
    document = _parsed(raw, shown)
    kind = _kind(document, shown)
    version = document.get("terraform_version")
    sound = isinstance(version, str) and re.fullmatch(r"[0-9A-Za-z.+-]{1,40}", version)
    contents = Contents(shown, hashlib.sha256(raw).hexdigest(), kind, version if sound else None)
    try:
        if kind == "tfstate":
            _raw_state(document, contents, allowed)
        elif kind == "plan":
            _plan(document, contents, allowed)
        else:
            _walk(_mapping(document, "values", shown).get("root_module"), contents, allowed)
    except RecursionError:
        fail(shown, "is nested deeper than anything Terraform writes")
    return contents


def _bytes(path: Path, shown: str) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{shown}: is not a regular file")
        if path.stat().st_size > LARGEST:
            limit = LARGEST // 1024 // 1024
            fail(shown, f"is larger than {limit} MB", "export one root module (or workspace) at a time")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror or error}") from error


def _parsed(raw: bytes, shown: str) -> dict[str, Any]:
    how = "make one with `terraform show -json [PLAN] > plan.json`"
    if raw.startswith(b"PK\x03\x04"):
        fail(shown, "is a binary plan", "convert it with `terraform show -json PLAN > plan.json`")
    if not raw.strip():
        fail(shown, "is empty", how)
    try:
        document = json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        fail(shown, "is nested deeper than anything Terraform writes")
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and raw.lstrip().startswith((b'{"@level', b'{"@message')):
            fail(shown, "is the log of `terraform plan -json`, which holds no values", how)
        fail(shown, f"is not JSON: {error.msg}", how, error.lineno, error.colno)
    except (UnicodeDecodeError, ValueError) as error:
        fail(shown, f"is not JSON: {str(error)[:200]}", how)
    if not isinstance(document, dict):
        fail(shown, "is JSON, but not what Terraform writes", how)
    return document


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _kind(document: dict[str, Any], shown: str) -> Kind:
    how = "make one with `terraform show -json [PLAN]`, or give the .tfstate"
    if "encrypted_data" in document or "encrypted_values" in document:
        fail(shown, "is encrypted", "use `tofu show -json`, which decrypts it")
    if "format_version" in document:
        version = document["format_version"]
        if not isinstance(version, str) or not re.match(r"[01]\.", version):
            fail(shown, f"format_version {str(version)[:20]!r} is not known", "0.x and 1.x are read")
        return "plan" if {"resource_changes", "planned_values", "configuration"} & set(document) else "state"
    if isinstance(document.get("version"), int) and {"resources", "modules", "lineage", "serial"} & set(document):
        if document["version"] != 4:
            fail(shown, f"is a state of version {document['version']}", "run `terraform refresh` with Terraform ≥ 0.12")
        return "tfstate"
    fail(shown, "is JSON, but neither a Terraform state nor a plan", how)


def _mapping(document: dict[str, Any], name: str, shown: str) -> dict[str, Any]:
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        fail(shown, f"{name} is not a mapping", "make the file again; it is damaged")
    return value or {}


def _list(document: dict[str, Any], name: str, shown: str) -> list[dict[str, Any]]:
    value = document.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        fail(shown, f"{name} is not a list of mappings", "make the file again; it is damaged")
    return value or []


def _modules(root: Any, shown: str) -> Iterator[dict[str, Any]]:
    """Yield a module and all below it, without recursion."""
    waiting: list[tuple[Any, int]] = [(root, 0)]
    while waiting:
        module, depth = waiting.pop()
        if module is None:
            continue
        if not isinstance(module, dict):
            fail(shown, "a module is not a mapping", "make the file again; it is damaged")
        if depth > DEEPEST_MODULE:
            fail(shown, f"modules are nested deeper than {DEEPEST_MODULE}")
        yield module
        waiting += [(child, depth + 1) for child in reversed(_list(module, "child_modules", shown))]


def _walk(root: Any, contents: Contents, allowed: Allowed, known: frozenset[str] = frozenset()) -> None:
    for module in _modules(root, contents.path):
        address = module.get("address")
        for resource in _list(module, "resources", contents.path):
            if known and isinstance(resource.get("address"), str) and resource["address"] in known:
                continue
            instance = _instance(resource, address if isinstance(address, str) else "", contents, allowed)
            if instance:
                readable = allowed(instance.type) or Tree()
                instance.values = select(resource.get("values"), readable, resource.get("sensitive_values"))
                contents.instances.append(instance)


def _instance(resource: dict[str, Any], module: str, contents: Contents, allowed: Allowed) -> Instance | None:
    """Return the frame of a resource, its values still to be filled in; None (and counted) where it is left out."""
    kind, name, address = (resource.get(key) for key in ("type", "name", "address"))
    if not isinstance(kind, str) or not isinstance(address, str) or not kind or not address:
        fail(contents.path, "a resource has no type or address", "make the file again; it is damaged")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", kind):
        fail(contents.path, "a resource's type is no name", "make the file again; it is damaged")
    if resource.get("mode") == "data":
        contents.leave_out(kind, "data source")
        return None
    if resource.get("deposed") or resource.get("deposed_key"):
        contents.leave_out(kind, "deposed: waits for its deletion")
        return None
    if allowed(kind) is None:
        contents.leave_out(kind, "not GPU or inference capacity")
        return None
    index = resource.get("index")
    index = index if isinstance(index, str | int) and not isinstance(index, bool) else None
    return Instance(address, module, kind, name if isinstance(name, str) else "", index, Values({}))


def _plan(document: dict[str, Any], contents: Contents, allowed: Allowed) -> None:
    shown = contents.path
    seen: set[str] = set()
    for resource in _list(document, "resource_changes", shown):
        module = resource.get("module_address")
        instance = _instance(resource, module if isinstance(module, str) else "", contents, allowed)
        seen.add(str(resource.get("address")))
        if instance is None:
            continue
        change = _mapping(resource, "change", shown)
        actions = change.get("actions")
        action = tuple(actions) if isinstance(actions, list) and all(isinstance(a, str) for a in actions) else ()
        if action not in _ACTIONS:
            fail(shown, f"{instance.address[:200]}: its actions are none that Terraform plans")
        instance.change = _ACTIONS[action]
        readable = allowed(instance.type) or Tree()
        before = select(change.get("before"), readable, change.get("before_sensitive"))
        after = select(change.get("after"), readable, change.get("after_sensitive"), change.get("after_unknown"))
        gone = instance.change == "delete" or action == ("forget",)
        instance.values = before if gone else after
        instance.before = before if instance.change in ("update", "replace", "delete") else None
        if action == ("forget",):
            instance.notes = (FORGOTTEN,)
        contents.instances.append(instance)
    planned = _mapping(document, "planned_values", shown)
    _walk(planned.get("root_module"), contents, allowed, frozenset(seen))
    contents.configuration = _mapping(document, "configuration", shown)
    contents.variables = _mapping(document, "variables", shown)


def _raw_state(document: dict[str, Any], contents: Contents, allowed: Allowed) -> None:
    shown = contents.path
    for resource in _list(document, "resources", shown):
        module = resource.get("module") if isinstance(resource.get("module"), str) else ""
        parts = [module, "data" if resource.get("mode") == "data" else "", resource.get("type"), resource.get("name")]
        base = ".".join(str(part) for part in parts if part)
        for entry in _list(resource, "instances", shown):
            key = entry.get("index_key")
            suffix = "" if key is None else f"[{json.dumps(key, ensure_ascii=False, default=str)}]"
            frame = {**resource, "address": base + suffix, "index": key, "deposed": entry.get("deposed")}
            instance = _instance(frame, str(module or ""), contents, allowed)
            if instance:
                paths = entry.get("sensitive_attributes")
                mask = mask_of(paths if isinstance(paths, list) else ())
                readable = allowed(instance.type) or Tree()
                instance.values = select(entry.get("attributes"), readable, mask)
                contents.instances.append(instance)
