"""What a rule may know besides the file that it looks at. All of it is read on first use: most runs need little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tokenop import settings

if TYPE_CHECKING:
    from tokenop.catalogue.draft import Draft
    from tokenop.catalogue.rules.model import Rule
    from tokenop.prices.book import PriceBook


class Neighbours(Protocol):
    """The templates of the repository, those that are not being checked as well."""

    def files(self) -> Sequence[Path]:
        """Return the files of all templates of the repository, sorted; nothing is read."""

    def ids(self) -> Mapping[str, Path]:
        """Return the file of each template by id (its file name), shipped ones as well; nothing is parsed."""

    def draft(self, template_id: str) -> Draft | None:
        """Return the template of this id, parsed on first use; None where there is none or it does not parse."""

    def text(self, template_id: str) -> str:
        """Return the text of the file of this id as it stands, without parsing; empty where it cannot be read."""

    def mentioning(self, template_id: str) -> Sequence[Draft]:
        """Return the templates (not the one itself) whose frontmatter names this id somewhere, sorted by id."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the engine says of a template: monthly saving in percent of each workload's cost (P10, expected, P90).

    `percent` is None for a workload on which the template stays silent.
    """

    percent: Mapping[str, tuple[float, float, float] | None]


@dataclass(frozen=True)
class Surroundings:
    """What is known besides the file.

    `new` holds the files that the change under review adds, `removed` the ids of the templates that it takes away.
    `replay` is given by whoever has the economics engine (this floor has not); without it replaying rules are left out.
    `dead` is what the weekly bot found of addresses that no longer answer: address → why. `rules` are all that there
    are, for those that check suppressions; whoever asks the rules fills it in.
    """

    today: date
    neighbours: Neighbours
    root: Path | None = None  # of the repository: relative links are resolved in it, evidence is read below it
    new: frozenset[Path] = field(default_factory=frozenset)
    removed: frozenset[str] = field(default_factory=frozenset)
    replay: Callable[[Draft], Replayed] | None = None
    dead: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @cached_property
    def prices(self) -> PriceBook:
        """Return the price book."""
        from tokenop.prices import book

        return book.load()

    @property
    def validations(self) -> Path:
        """Return the folder of evidence."""
        return (self.root / "validations") if self.root else settings.content("validations")

    @property
    def community(self) -> Path:
        """Return the folder of people and statistics."""
        return (self.root / "community") if self.root else settings.content("community")
