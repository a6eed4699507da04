"""What a rule is: an identifier that never changes meaning, one check, and examples that tests run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tokenop.errors import Finding, Severity

Place = tuple[int, int]
Scope = Literal["text", "template", "batch", "catalogue", "evidence", "found"]


class Located(Protocol):
    """Whatever findings point into: a file with text in which a field has a line and a column."""

    @property
    def path(self) -> object:
        """Return the path that findings name."""

    def line(self, field_path: str) -> Place:
        """Return line and column of a field, from 1."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters from `start` up to `end` of the file's text (line ends as line feeds) by `text`.

    `path` is given where another file than the one that was looked at is edited.
    """

    start: int
    end: int
    text: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A specimen that fails a rule, and the same specimen mended.

    `right` stands exactly once in the specimen (after the replacements of `given`); the failing file has `wrong` in its
    place. `beside` adds files (path below the repository → text), `around` overrides fields of the surroundings.
    `path` is where the failing file stands, where that is what is wrong with it.
    """

    wrong: str
    right: str
    specimen: str = "template.md"
    given: tuple[tuple[str, str], ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the other rules said of one file, in order, and the identifiers of those that were asked."""

    findings: Sequence[Finding]
    asked: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What `check` and `fix` get, besides the surroundings, depends on the scope.

    - `text`: a `Source`, the file as text, also where it does not parse; templates and evidence alike
    - `template`: a `Draft`, one template that parses
    - `batch`: a sequence of `Draft`, some of the templates: for what is quicker asked about many at a time
    - `catalogue`: a sequence of `Draft`, all templates that are checked together
    - `evidence`: an `EvidenceFile`, one of reviews.md and implementations.md
    - `found`: a `Source` and what the other rules `Found` in it (such a rule has no fix)

    A fix yields edits for all of the rule's findings in what it gets, and none where there is no finding.

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
