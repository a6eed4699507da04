"""Applying Terraform diffs with git, and holding them to what they promise."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.inventory.model import Count, Inventory, Resource
from tokenop.inventory.patches import Diff, diffs, hcl

PROVIDERS = {"aws": "aws", "google": "google", "azurerm": "azure", "databricks": "databricks"}


@dataclass(frozen=True)
class Amount:
    expected: Decimal


@dataclass(frozen=True)
class Lever:
    options: dict[str, object]
    parameters: dict[str, Amount] = field(default_factory=dict)
    where: str = "on_demand > 0 OR on_demand IS NULL"
    kind: str = "capacity"


@dataclass(frozen=True)
class Template:
    levers: tuple[Lever, ...]
    id: str = "some-template"


def asking(change: str, share: str = "1", where: str = "TRUE", **options: object) -> Template:
    return Template((Lever({"change": change, **options}, {"share": Amount(Decimal(share))}, where),))


def running(address: str, on_demand: int | None = 4, **more: Any) -> Resource:
    kind = address.split("[")[0].split(".")[-2]
    provider: Any = PROVIDERS[kind.split("_")[0]]
    return Resource(address, provider, kind, "gpu", count=Count(on_demand, on_demand, 0), **more)


def inventory(*resources: Resource | str) -> Inventory:
    return Inventory((), tuple(running(one) if isinstance(one, str) else one for one in resources))


def git(folder: Path, *words: str, text: str = "") -> None:
    subprocess.run(["git", *words], cwd=folder, input=text.encode(), check=True, capture_output=True)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.tf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    git(folder, "init", "-q")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.tf"))}


def proven(folder: Path, found: Inventory, template: Template) -> tuple[Diff, dict[str, bytes]]:
    """Apply the diff with git; hold that it parses, changes nothing when made again, and can be undone to the byte."""
    (diff,) = diffs(found, template, folder)
    before = contents(folder)
    if not diff.text:
        return diff, before
    git(folder, "apply", "--check", "-", text=diff.text)
    git(folder, "apply", "--whitespace=nowarn", "-", text=diff.text)
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == set(diff.files)
    for name in diff.files:
        assert not hcl.parser().parse(after[name]).root_node.has_error, name
    (again,) = diffs(found, template, folder)
    assert again.text == ""
    git(folder, "apply", "-R", "--whitespace=nowarn", "-", text=diff.text)
    assert contents(folder) == before
    return diff, after


def added(diff: Diff) -> list[str]:
    return [line[1:].strip() for line in diff.text.splitlines() if line[:1] == "+" and line[:3] != "+++"]


def removed(diff: Diff) -> list[str]:
    return [line[1:].strip() for line in diff.text.splitlines() if line[:1] == "-" and line[:3] != "---"]
