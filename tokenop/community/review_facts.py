"""What a program can say of a template, sorted by the seven areas that its reviewers are asked about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from tokenop.catalogue.vocabulary import EVENT_COLUMNS, WORKLOAD_SCALARS
from tokenop.community.text import counted
from tokenop.evidence.questions import IDS

if TYPE_CHECKING:
    from tokenop.catalogue.model import Template
    from tokenop.errors import Finding
    from tokenop.trials.replay import Alone

# Which groups of rules speak to which area; the format is about all of them.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "technical": ("LV", "EX", "MD"),
    "economics": ("EC",),
    "implementation": ("PT", "GR"),
    "coordination": ("XL", "GR"),
    "risk": ("SC004", "SC005"),
    "collectors": ("EX", "GE"),
}
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_STEP = re.compile(r"^[0-9]+\.\s", re.MULTILINE)


def facts(template: Template, findings: Iterable[Finding], alone: Mapping[str, Alone]) -> dict[str, list[str]]:
    """Return by area what is known of a template without reading it.

    Args:
        template: the template.
        findings: what the linter says of it.
        alone: what the engine says of it, by reference workload; empty where it was not asked.
    """
    told = list(findings)
    found: dict[str, Callable[[], Iterable[str]]] = {
        "technical": lambda: _technical(template),
        "economics": lambda: _economics(template, alone),
        "implementation": lambda: _implementation(template),
        "coordination": lambda: _coordination(template, alone),
        "risk": lambda: _risk(template),
        "format": lambda: [f"Linter: {counted(len(told), 'finding')}."],
        "collectors": lambda: _collectors(template),
    }
    return {name: [*found[name](), *_findings(name, told)] for name in IDS}


def _technical(template: Template) -> Iterable[str]:
    for lever in template.levers:
        yield f"Lever {lever.kind}, where {lever.where}"
    for patch in template.patches:
        yield f"Writes {patch.target} ({patch.kind}, {patch.merge})"
    yield f"Verified on {template.verified_on}, stale after {template.stale_after}"


def _economics(template: Template, alone: Mapping[str, Alone]) -> Iterable[str]:
    claim = template.claim
    said = claim.savings_percent
    yield f"Claims {_percents((float(said.low), float(said.expected), float(said.high)))} of {claim.workload}"
    for name, one in sorted(alone.items()):
        if one.percent is not None:
            yield f"Replayed on {name}: {_percents(one.percent)}"
        else:
            yield f"Replayed on {name}: {one.failed or f'silent, {one.silent}'}"
    tiers = Counter(value.evidence for lever in template.levers for value in lever.parameters.values())
    yield "Parameters: " + ", ".join(f"{count} {tier}" for tier, count in sorted(tiers.items()))
    work = template.implementation
    yield f"Work {work.hours} h at USD {work.hourly_rate_usd}, running USD {work.monthly_running_usd} a month"


def _implementation(template: Template) -> Iterable[str]:
    section = _section(template.body, "Implementation")
    yield f"{counted(len(_STEP.findall(section)), 'numbered step')} for {template.implementation.hours} h of work"
    yield f"Requires: {', '.join(template.requires) or 'no other template'}"


def _coordination(template: Template, alone: Mapping[str, Alone]) -> Iterable[str]:
    yield f"Layer: {template.layer}; levers: {', '.join(lever.kind for lever in template.levers)}"
    yield f"Conflicts: {', '.join(template.conflicts) or 'none'}"
    for name, one in sorted(alone.items()):
        if one.percent is not None and one.monthly_usd is not None and len(one.single_usd) > 1:
            rest = one.monthly_usd[1] - sum(saved for _, saved in one.single_usd)
            sign = "" if round(rest) == 0 else "+" if rest > 0 else "-"
            yield f"Interaction of its levers on {name}: {sign}USD {abs(rest):,.0f} a month"


def _risk(template: Template) -> Iterable[str]:
    risk = template.risk
    yield f"Risk {risk.level}, undone in {risk.rollback_minutes} minutes; {risk.blast_radius}"
    quality = template.quality
    yield f"Quality may drop by {quality.max_absolute_drop}; {', '.join(quality.golden_tiers)} must hold"
    yield f"{counted(len(_STEP.findall(_section(template.body, 'Rollback'))), 'numbered step')} to roll back"


def _collectors(template: Template) -> Iterable[str]:
    used = set(chain.from_iterable(_WORD.findall(lever.where.lower()) for lever in template.levers))
    yield f"Columns of events that it looks at: {', '.join(sorted(used & EVENT_COLUMNS.keys())) or 'none'}"
    scalars = set(_WORD.findall(template.applies_when.lower())) & WORKLOAD_SCALARS.keys()
    yield f"Figures of the workload that it asks for: {', '.join(sorted(scalars)) or 'none'}"


def _findings(area: str, findings: Iterable[Finding]) -> Iterable[str]:
    for found in findings:
        if area == "format" or found.rule.startswith(_GROUPS.get(area, ("-",))):
            yield f"Line {found.line}: {found.rule}: {found.message}"


def _section(body: str, heading: str) -> str:
    return body.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def _percents(three: tuple[float, ...]) -> str:
    low, expected, high = three
    return f"{expected:.1f} % ({low:.1f} to {high:.1f} %)"
