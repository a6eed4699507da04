"""What runs, what is applied in the project and what is approved in git: the same, or not."""

from __future__ import annotations

from tokenop.gateway.drift.compare import compare
from tokenop.gateway.drift.model import Drift, Gateway, Row

__all__ = ["Drift", "Gateway", "Row", "compare"]
