"""Findings as lines for people, and as annotations for GitHub."""

from __future__ import annotations

from collections.abc import Iterable

from tokenop.catalogue.rules.characters import HIDDEN
from tokenop.errors import Finding

MOST_ANNOTATIONS = 10
"""Errors, and as many warnings, of one step that GitHub shows."""


def rendered(finding: Finding) -> str:
    """Return `file:line:col: field: rule: message (fix)` on one line, whatever the file holds.

    A line that begins like a command to GitHub's log, such as `::add-mask::`, is not one any more.
    """
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)
    fix = f" ({finding.fix})" if finding.fix else ""
    level = "" if finding.severity == "error" else f"{finding.severity}: "
    line = visible(f"{place}: {finding.field}: {finding.rule}: {level}{finding.message}{fix}")
    return f"./{line}" if line.startswith(("::", "##[")) else line


def commands(findings: Iterable[Finding]) -> list[str]:
    """Return what makes GitHub show the findings beside the lines: errors first, of each no more than it shows."""
    listed = sorted(findings, key=lambda found: found.severity)
    shown: list[str] = []
    for severity in ("error", "warning"):
        of_it = [found for found in listed if found.severity == severity]
        shown += [_annotation(found) for found in of_it[:MOST_ANNOTATIONS]]
    return shown


def _annotation(finding: Finding) -> str:
    fix = f" ({finding.fix})" if finding.fix else ""
    place = "".join(f",{name}={value}" for name, value in (("line", finding.line), ("col", finding.column)) if value)
    title = _property(visible(f"{finding.rule} {finding.field}"))
    message = _data(visible(f"{finding.message}{fix}"))
    return f"::{finding.severity} file={_property(visible(finding.file))}{place},title={title}::{message}"


def visible(text: str) -> str:
    """Return text of strangers on one line, without characters that would steer a terminal."""
    return HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
