"""Findings as lines for people."""

from __future__ import annotations

from tokenop.errors import Finding


def rendered(finding: Finding) -> str:
    """Return `file:line:col: field: rule: message (fix)`."""
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)
    fix = f" ({finding.fix})" if finding.fix else ""
    level = "" if finding.severity == "error" else f"{finding.severity}: "
    return f"{place}: {finding.field}: {finding.rule}: {level}{finding.message}{fix}"
