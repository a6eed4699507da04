"""Reading `community/reviewers.md`: who reviews, what they know, how much they take on, and who is away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tokenop.errors import Finding, InputError
from tokenop.evidence import grammar, values
from tokenop.evidence.grammar import Field, Form, Refused, near, shown
from tokenop.evidence.read import contents

LAYERS = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")
CAPACITY = 3
MOST = 50
_CATEGORY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who reviews. `capacity` is how many open requests they take at once; away until that day included."""

    handle: str
    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    capacity: int = CAPACITY
    away_until: date | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class People:
    """The reviewers, sorted by handle, and what is wrong with the file."""

    reviewers: tuple[Reviewer, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def handles(self) -> frozenset[str]:
        """Return their handles, in small letters."""
        return frozenset(reviewer.handle for reviewer in self.reviewers)


def reviewers(path: Path, text: str | None = None) -> People:
    """Return who reviews; what is wrong with the file is in the findings. `text` is what it holds, where known.

    Raises:
        InputError: it cannot be read at all.
    """
    if text is None:
        text = contents(path).decode("utf-8", errors="replace")
    parsed = grammar.Reader(path, _FORM).read(text.replace("\r\n", "\n"))
    found: dict[str, Reviewer] = {}
    findings = list(parsed.findings)
    for raw in parsed.entries:
        if raw.entry_id in found:
            message = f"{raw.entry_id} stands twice (first on line {found[raw.entry_id].line})"
            findings.append(Finding(str(path), raw.line, raw.entry_id, grammar.RULE, "error", message, 4, "keep one"))
        elif raw.whole:
            given = raw.values
            found[raw.entry_id] = Reviewer(
                raw.entry_id,
                given.get("layers", ()),
                given.get("categories", ()),
                given.get("capacity", CAPACITY),
                given.get("away_until"),
                raw.line,
            )
    return People(tuple(found[name] for name in sorted(found)), tuple(findings))


def known(community: Path) -> frozenset[str] | None:
    """Return the handles of the reviewers in the folder `community`, None where there is no list of them."""
    try:
        return reviewers(community / "reviewers.md").handles
    except InputError:
        return None


def _several(one: Callable[[str], str], example: str) -> Callable[[str], tuple[str, ...]]:
    def read(value: str) -> tuple[str, ...]:
        parts = [part.strip() for part in value.split(",")]
        if not all(parts) or len(set(parts)) != len(parts):
            raise Refused(f"{shown(value)} is no list of different words", f"write them with commas, such as {example}")
        return tuple(one(part) for part in parts)

    return read


def _layer(value: str) -> str:
    if value in LAYERS:
        return value
    raise Refused(f"{shown(value)} is no layer", near(value, LAYERS))


def _category(value: str) -> str:
    if len(value) <= 40 and _CATEGORY.fullmatch(value):
        return value
    raise Refused(f"{shown(value)} is no category", "write one of a template, such as caching")


def _capacity(value: str) -> int:
    number = values.whole(value)
    if number <= MOST:
        return number
    raise Refused(f"{number} is more than {MOST}", f"write how many open requests you take at once, such as {CAPACITY}")


_FORM = Form(
    "Reviewers",
    values.handle,
    {
        "layers": Field(_several(_layer, "serving-layer, cross-layer"), True, "serving-layer, cross-layer"),
        "categories": Field(_several(_category, "caching, routing")),
        "capacity": Field(_capacity),
        "away_until": Field(values.day),
    },
    prose=True,
)
