"""The files in force: read and checked apart from the process that serves, watched, swapped whole."""

from __future__ import annotations

from tokenop.gateway.applied.holder import Holder, Refusal, load

__all__ = ["Holder", "Refusal", "load"]
