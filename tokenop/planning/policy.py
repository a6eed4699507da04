"""`policy.yaml`: what an organisation does not give up for a lower bill."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop import documents
from tokenop.errors import Finding, FindingsError

RISK_LEVELS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Policy:
    """The constraints of a plan. None means that there is no such constraint.

    Quality (0 to 1) may drop by `max_quality_drop` on average over all calls: each chosen template counts with its own
    largest drop times the share of calls that it touches, and these are added up, which is the careful sum. On the
    calls that it touches, a template may not drop it by more than `max_quality_drop_per_call`.
    Latency is the 95th percentile of the calls that somebody waits for. The budget is what a month may cost after the
    plan; a plan that misses it says so and is still the best there is. Confidence is what the community's evidence
    gives a template, 0 to 1.
    """

    max_quality_drop: Decimal | None = Decimal("0.01")
    max_quality_drop_per_call: Decimal | None = Decimal("0.05")
    max_latency_p95_ms: Decimal | None = None
    monthly_budget_usd: Decimal | None = None
    forbidden_providers: tuple[str, ...] = ()
    forbidden_regions: tuple[str, ...] = ()
    min_confidence: Decimal | None = None
    max_risk: str = "high"
    effort_hours: Decimal | None = None
    horizon_months: Decimal = Decimal(12)

    def as_dict(self) -> dict[str, object]:
        """Return the effective values, JSON-ready."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return list(value) if isinstance(value, tuple) else value


# name → (least, most) of a number
_BOUNDS: dict[str, tuple[Decimal, Decimal]] = {
    "max_quality_drop": (Decimal(0), Decimal(1)),
    "max_quality_drop_per_call": (Decimal(0), Decimal(1)),
    "max_latency_p95_ms": (Decimal(1), Decimal(10**9)),
    "monthly_budget_usd": (Decimal(0), Decimal(10**12)),
    "min_confidence": (Decimal(0), Decimal(1)),
    "effort_hours": (Decimal(0), Decimal(10**6)),
    "horizon_months": (Decimal(1), Decimal(60)),
}
_LISTS = ("forbidden_providers", "forbidden_regions")


def load(path: Path | None) -> Policy:
    """Return the policy of a file; without one, the defaults.

    Raises:
        FindingsError: the file has errors, each named with line, field and fix.
        InputError: the file cannot be read.
    """
    if path is None:
        return Policy()
    document = documents.load_yaml(path)
    known = {field.name for field in fields(Policy)} | {"schema_version"}
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    for name, value in document.meta.items():
        complaint, fix, parsed = _read(name, value, known)
        if complaint:
            line, column = document.line(name)
            findings.append(Finding(str(path), line, name, "POLICY", "error", complaint, column, fix))
        elif name != "schema_version":
            values[name] = parsed
            if name == "forbidden_providers":
                findings += _unknown_providers(document)
    if findings:
        raise FindingsError(findings)
    return Policy(**values)


def _unknown_providers(document: documents.Document) -> list[Finding]:
    """Return a finding for each forbidden name that is no known provider: misspelt, it would forbid nobody."""
    listed = document.meta["forbidden_providers"]
    if not listed:
        return []
    # Only a policy that forbids somebody waits for the prices to be read.
    from tokenop.prices import book, names

    known = frozenset(key.provider for key in book.load().keys)
    findings = []
    for place, named in enumerate(listed):
        if names.canonical_provider(named, known):
            continue
        path = f"forbidden_providers[{place}]"
        line, column = document.line(path)
        near = difflib.get_close_matches(named.strip().lower(), sorted(known | frozenset(names.PROVIDERS)), 1)
        fix = (
            f"did you mean {near[0]}?" if near else "`tokenop prices show MODEL` says under which name a model is sold"
        )
        complaint = f"{named!r} is no known provider"
        findings.append(Finding(str(document.path), line, path, "POLICY", "error", complaint, column, fix))
    return findings


def _read(name: str, value: object, known: set[str]) -> tuple[str, str, Any]:
    """Return complaint, fix and parsed value of one field."""
    if name not in known:
        near = difflib.get_close_matches(name, sorted(known), 1)
        return "is not a field of a policy", f"did you mean {near[0]}?" if near else f"use one of {sorted(known)}", None
    if name == "schema_version":
        return ("", "", 1) if value == 1 else ("is not supported", "set it to 1", None)
    if name == "max_risk":
        return ("", "", value) if value in RISK_LEVELS else ("is no risk level", "use low, medium or high", None)
    if name in _LISTS:
        fine = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return (
            ("", "", tuple(sorted(value)))
            if fine and isinstance(value, list)
            else ("is not a list of names", "write [a, b]", None)
        )
    if value is None and name != "horizon_months":
        return "", "", None
    least, most = _BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return "is not a number", f"write a number from {least} to {most}", None
    number = Decimal(str(value))
    if not least <= number <= most:
        return f"is {number}", f"write a number from {least} to {most}", None
    return "", "", number
