"""What a rule is: an identifier that never changes meaning, one check, and examples that tests run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tokenop.errors import Finding, Severity

Place = tuple[int, int]
Scope = Literal["text", "template", "catalogue", "evidence"]


class Located(Protocol):
    """Whatever findings point into: a file with text in which a field has a line and a column."""

    @property
    def path(self) -> object:
        """Return the path that findings name."""

    def line(self, field_path: str) -> Place:
        """Return line and column of a field, from 1."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters from `start` up to `end` of the file's text (line ends as line feeds) by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A specimen that fails a rule, and the same specimen mended.

    `right` stands exactly once in the specimen (after the replacements of `given`); the failing file has `wrong` in its
    place. `beside` adds files (path below the repository → text), `around` overrides fields of the surroundings.
    """

    wrong: str
    right: str
    specimen: str = "template.md"
    given: tuple[tuple[str, str], ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What `check` and `fix` get depends on the scope.

    - `text`: a `Source`, the file as text, also where it does not parse; templates and evidence alike
    - `template`: a `Draft`, one template that parses
    - `catalogue`: a sequence of `Draft`, all templates that are checked together
    - `evidence`: an `EvidenceFile`, one of reviews.md and implementations.md

    `replays`: needs the economics engine, and is left out where only files are looked at. `weekly`: needs the network,
    and is run by the weekly bot only. `structural`: a template that fails it is never planned with or applied.
    """

    id: str
    severity: Severity
    scope: Scope
    what: str
    why: str
    how: str
    check: Callable[..., Iterator[Finding]]
    examples: tuple[Example, ...] = ()
    fix: Callable[..., Iterator[Edit]] | None = None
    replays: bool = False
    weekly: bool = False
    structural: bool = False

    def found(
        self,
        where: Located,
        field_path: str,
        message: str,
        fix: str = "",
        *,
        place: Place | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding of this rule at the value of `field_path`, or at `place`."""
        line, column = place or where.line(field_path)
        return Finding(str(where.path), line, field_path, self.id, severity or self.severity, message, column, fix)
