"""Who calls: local keys, what a caller says of a call, and which callers are let in at all."""

from __future__ import annotations

from tokenop.gateway.identity.gatekeeper import KeyedDoor, is_loopback
from tokenop.gateway.identity.labels import labels

__all__ = ["KeyedDoor", "is_loopback", "labels"]
