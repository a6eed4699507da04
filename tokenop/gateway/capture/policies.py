"""Whose prompts and answers are kept, how many of them, and for how long: the section `capture` of the settings."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

RETENTION_DAYS = 30
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept of one tenant. `share` is between 0 and 1."""

    share: float = 1.0
    redact: bool = True
    retention_days: int = RETENTION_DAYS

    def takes(self, operation_id: str) -> bool:
        """Tell whether an operation belongs to the share: by its id, so that all its attempts do or none."""
        return zlib.crc32(operation_id.encode()) < self.share * 2**32


def policies(own: Mapping[str, Any]) -> dict[str, Policy]:
    """Return the policy of each tenant that has one. `own` is `tokenop/gateway.yaml`, checked by its schema."""
    tenants = own.get("capture", {}).get("tenants", {})
    return {
        str(name): Policy(
            float(said.get("share", 1)), bool(said.get("redact", True)), int(said.get("retention_days", RETENTION_DAYS))
        )
        for name, said in tenants.items()
    }


def folder_name(tenant: str) -> str:
    """Return the name of a tenant's folder: the tenant where it can be one, else with escapes."""
    name = quote(tenant, safe=" ()@+,=~", errors="replace").replace("*", "%2A")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    return name if len(name) <= _LONGEST_NAME else f"{name[:180]}-{zlib.crc32(tenant.encode()):08x}"
