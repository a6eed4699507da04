"""All resource types that are understood, of every provider."""

from __future__ import annotations

from functools import cache

from tokenop.inventory.attributes import Tree
from tokenop.inventory.kinds import aws, azure, databricks, google
from tokenop.inventory.kinds.base import Kind

KINDS: dict[str, Kind] = {**aws.KINDS, **azure.KINDS, **databricks.KINDS, **google.KINDS}


@cache
def readable(kind: str) -> Tree | None:
    """Return the attributes that may be read of a resource type; None for types that are left out."""
    return KINDS[kind].tree if kind in KINDS else None
