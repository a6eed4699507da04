"""Small states and plans, as Terraform writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenop import inventory
from tokenop.inventory.model import Inventory, Resource

Values = dict[str, Any]


def resource(address: str, values: Values, module: str = "", **more: Any) -> Values:
    """Return a resource of a state; `address` without its module."""
    kind, name = address.split("[")[0].split(".")[:2]
    full = f"{module}.{address}" if module else address
    return {"address": full, "mode": "managed", "type": kind, "name": name, "values": values, **more}


def state(*resources: Values, children: list[Values] | None = None) -> Values:
    """Return what `terraform show -json` says of a state."""
    root = {"resources": list(resources), "child_modules": children or []}
    return {"format_version": "1.0", "terraform_version": "1.12.0", "values": {"root_module": root}}


def changed(address: str, actions: list[str], before: Values | None, after: Values | None, **more: Any) -> Values:
    """Return one change of a plan; `address` may start with `module.NAME`."""
    module = ".".join(address.split(".")[:2]) if address.startswith("module.") else None
    kind, name = address.split("[")[0].split(".")[-2:]
    unknown = more.pop("after_unknown", {})
    change = {"actions": actions, "before": before, "after": after, "after_unknown": unknown, **more}
    entry = {"address": address, "mode": "managed", "type": kind, "name": name, "change": change}
    return {**entry, "module_address": module} if module else entry


def plan(*changes: Values, configuration: Values | None = None, variables: Values | None = None) -> Values:
    """Return what `terraform show -json` says of a plan."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.12.0",
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        "configuration": configuration or {},
        "variables": variables or {},
    }


def collected(folder: Path, *documents: Values, **settings: str) -> Inventory:
    """Return the inventory of documents written to a folder."""
    paths = []
    for number, document in enumerate(documents):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(document))
        paths.append(path)
    return inventory.collect(paths, settings=settings)


def only(found: Inventory) -> Resource:
    """Return the one resource of an inventory."""
    (one,) = found.resources
    return one
