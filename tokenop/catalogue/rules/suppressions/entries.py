"""The suppressions of a template: which rule may say nothing of it, why, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from tokenop.catalogue.draft import Draft

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry of `suppress`, complete and well-formed."""

    path: str
    rule: str
    reason: str
    until: date

    def holds(self, today: date) -> bool:
        """Return whether it still hides something on this day."""
        return today <= self.until and (self.until - today).days <= LONGEST_DAYS


def entries(draft: Draft) -> Iterator[Suppression]:
    """Yield the entries that are well-formed; the others are told by SU001."""
    listed: Any = draft.reach("suppress")
    for index in range(len(listed) if isinstance(listed, list) else 0):
        path = f"suppress[{index}]"
        rule, reason, until = (draft.get(f"{path}.{name}") for name in ("rule", "reason", "until"))
        try:
            day = date.fromisoformat(until) if until is not None else None
        except ValueError:
            day = None
        if rule is not None and reason is not None and day is not None:
            yield Suppression(path, rule, reason, day)
