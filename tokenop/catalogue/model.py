"""Optimisation templates as the engine sees them: parsed strictly from their files, then frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tokenop.errors import Finding

Evidence = Literal["assumed", "reported", "measured"]
Layer = Literal["application-layer", "serving-layer", "infrastructure-layer", "cross-layer"]
Status = Literal["draft", "proposed", "approved", "deprecated"]
RiskLevel = Literal["low", "medium", "high"]

# From the least to the most settled: `plan --min-status proposed` leaves drafts out. Deprecated ones are never planned.
STATUSES: tuple[Status, ...] = ("deprecated", "draft", "proposed", "approved")
LAYERS: tuple[Layer, ...] = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")


@dataclass(frozen=True, slots=True)
class Interval:
    """Three ordered numbers: the least, the expected and the most."""

    low: Decimal
    expected: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter that is not known exactly, with the tier of evidence behind it and where that comes from."""

    low: Decimal
    expected: Decimal
    high: Decimal
    evidence: Evidence
    source: str


@dataclass(frozen=True, slots=True)
class Lever:
    """One declared change of events. `options` has defaults filled in; `index` is its place in the template."""

    kind: str
    where: str
    parameters: Mapping[str, Range]
    options: Mapping[str, object]
    index: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the author says the template saves, in percent of the cost of a named workload."""

    workload: str
    savings_percent: Interval


@dataclass(frozen=True, slots=True)
class Implementation:
    """What it takes to put the template in place and to keep it running."""

    hours: Decimal
    hourly_rate_usd: Decimal
    monthly_running_usd: Decimal


@dataclass(frozen=True, slots=True)
class Quality:
    """How much worse answers may get (quality is 0 to 1), and which golden tiers must hold."""

    max_absolute_drop: Decimal
    golden_tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """What can go wrong, for whom, and how quickly it is undone."""

    level: RiskLevel
    blast_radius: str
    rollback_minutes: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that is given when the template is applied; `default` None means that one must be given."""

    name: str
    description: str
    type: Literal["text", "integer", "number", "boolean"] = "text"
    default: str | int | Decimal | bool | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """A file that applying the template writes or changes. `target` is relative to the user's repository."""

    target: str
    kind: str
    merge: str
    content: str


@dataclass(frozen=True, slots=True)
class Template:
    """One optimisation template: what it changes, what that takes, what may go wrong, and the prose for people."""

    id: str
    title: str
    layer: Layer
    category: str
    version: str
    status: Status
    authors: tuple[str, ...]
    created: date
    verified_on: date
    stale_after: date
    supersedes: tuple[str, ...]
    applies_when: str
    levers: tuple[Lever, ...]
    claim: Claim
    implementation: Implementation
    quality: Quality
    risk: Risk
    requires: tuple[str, ...]
    conflicts: tuple[str, ...]
    patches: tuple[Patch, ...]
    body: str
    path: Path
    sha256: str
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sound templates of a folder by id, and everything that is wrong with it."""

    templates: tuple[Template, ...]
    findings: tuple[Finding, ...]

    def get(self, template_id: str) -> Template | None:
        """Return the template with this id, None where there is none."""
        return next((template for template in self.templates if template.id == template_id), None)
