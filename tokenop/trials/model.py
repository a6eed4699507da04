"""What a trial of a template found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tokenop.errors import Finding
from tokenop.trials.replay import Alone

Section = Literal["lint", "economics", "patches"]
Verdict = Literal["pass", "fail", "note"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and how it went. A note is worth knowing and fails nothing."""

    section: Section
    name: str
    verdict: Verdict
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return the check, JSON-ready."""
        return {"section": self.section, "name": self.name, "verdict": self.verdict, "text": self.text}


@dataclass(frozen=True, slots=True)
class Trial:
    """All that was tried of one template. `economics` is by workload, empty where it was not asked for."""

    template: str
    path: Path
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...] = ()
    economics: Mapping[str, Alone] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Return whether no check failed."""
        return all(check.verdict != "fail" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the trial, JSON-ready."""
        return {
            "template": self.template,
            "path": str(self.path),
            "verdict": "pass" if self.passed else "fail",
            "checks": [check.as_dict() for check in self.checks],
            "findings": [finding.as_dict() for finding in self.findings],
            "workloads": {name: _figures(alone) for name, alone in self.economics.items()},
        }


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `{"schema_version": 1, "trials": [Trial.as_dict(), …]}`."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("trial.schema.json").read_text(encoding="utf-8"))
    return loaded


def _figures(alone: Alone) -> dict[str, Any]:
    def interval(values: tuple[float, float, float] | None, digits: int) -> dict[str, float] | None:
        if values is None:
            return None
        return {
            name: round(value, digits) + 0.0 for name, value in zip(("p10", "expected", "p90"), values, strict=True)
        }

    return {
        "savings_percent": interval(alone.percent, 4),
        "savings_monthly_usd": interval(alone.monthly_usd, 2),
        "bill_monthly_usd": alone.bill_usd,
        "levers_alone_monthly_usd": dict(alone.single_usd),
        "silent": alone.silent or None,
        "failed": alone.failed or None,
    }
