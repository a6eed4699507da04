"""What people did: reviews and implementations of a template and of its like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokenop.evidence.model import Evidence


class Kind(Protocol):
    """What a template is about."""

    @property
    def id(self) -> str:
        """Return its id."""

    @property
    def layer(self) -> str:
        """Return its layer."""

    @property
    def category(self) -> str:
        """Return its category."""


@dataclass(frozen=True, slots=True)
class Past:
    """How many reviews and implementations somebody wrote: of this template, of its category, of its layer.

    Each entry counts once, where it is nearest.
    """

    template: int = 0
    category: int = 0
    layer: int = 0


def read(template: Kind, validations: Path, templates: Path | None = None) -> dict[str, Past]:
    """Return the work that the files in `validations` show; none where that is no folder.

    `templates` says what else there is; the shipped ones where it is None.
    """
    from tokenop.catalogue import loader
    from tokenop.evidence.read import load

    return work(template, loader.load(templates).templates, load(validations)) if validations.is_dir() else {}


def work(template: Kind, others: Iterable[Kind], evidence: Evidence) -> dict[str, Past]:
    """Return by handle (small letters) how much work on `template` and its like the evidence shows. No samples."""
    kinds = {other.id: other for other in others}
    counts: dict[str, Counter[str]] = {}
    for name, found in evidence.by_template.items():
        near = _near(template, name, kinds.get(name))
        if near is None:
            continue
        people = [review.reviewer for review in found.reviews if not review.sample]
        people += [entry.by for entry in found.implementations if not entry.sample]
        for handle in people:
            counts.setdefault(handle.casefold(), Counter())[near] += 1
    return {handle: Past(**number) for handle, number in sorted(counts.items())}


def _near(template: Kind, name: str, other: Kind | None) -> str | None:
    if name == template.id:
        return "template"
    if other is None:
        return None
    if other.category == template.category:
        return "category"
    return "layer" if other.layer == template.layer else None
