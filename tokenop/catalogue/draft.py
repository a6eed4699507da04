"""A template while it is being checked: its document, and which parts the schema has already refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from tokenop.documents import Document, Place


@dataclass(frozen=True, slots=True)
class Objection:
    """What the schema says against one value, or a key that is missing or unknown; rules turn it into a finding."""

    kind: Literal["missing", "unknown", "value"]
    field: str
    place: Place
    message: str
    fix: str
    keyword: str  # of the schema, such as `pattern`


@dataclass(frozen=True, slots=True)
class Draft:
    """What the checks read. `broken` holds the paths of the values (or missing keys) that the schema refused."""

    document: Document
    broken: frozenset[str]
    objections: tuple[Objection, ...] = ()

    def sound(self, path: str) -> bool:
        """Return whether the value at `path`, what it is part of and what is in it passed the schema."""
        return not self.broken or not any(_within(path, wrong) or _within(wrong, path) for wrong in self.broken)

    def get(self, path: str) -> Any:
        """Return the value at `path`; None where it is absent or broken, so that nothing is reported twice."""
        return self.document.value(path) if self.sound(path) else None

    def reach(self, path: str) -> Any:
        """Return the value at `path` even where something inside it is broken; None where it is broken itself."""
        return None if any(_within(path, wrong) for wrong in self.broken) else self.document.value(path)


def drafted(document: Document, objections: Iterable[Objection]) -> Draft:
    """Return the draft of a document against which the schema has these `objections`."""
    listed = tuple(objections)
    return Draft(document, frozenset(one.field for one in listed if one.kind != "unknown"), listed)


def as_decimal(value: object) -> Decimal | None:
    """Return a YAML number as Decimal, None for anything else."""
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _within(path: str, whole: str) -> bool:
    """Return whether `path` is `whole` or lies in it."""
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))
