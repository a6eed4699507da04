"""Long documents for tasks, written from a seed: the same on every machine, in every version of Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def document(declared: Mapping[str, Any]) -> str:
    """Return the document that a task's `generated` declares."""
    raise NotImplementedError
