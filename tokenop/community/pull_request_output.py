"""What the job that checks a pull request prints: annotations on its lines, the log, the summary of the job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tokenop.community.report import Percent
from tokenop.community.text import cell, counted, table
from tokenop.errors import Finding, Severity
from tokenop.planning.text import visible

# GitHub shows no more of each kind for one step.
MOST_ANNOTATIONS = 10
MOST_LISTED = 200


def annotated(findings: Iterable[Finding]) -> list[str]:
    """Return workflow commands that show findings at their lines, errors first, at most ten of each severity."""
    listed = sorted(findings)
    severities: tuple[Severity, ...] = ("error", "warning")
    return [
        _annotation(finding)
        for severity in severities
        for finding in [found for found in listed if found.severity == severity][:MOST_ANNOTATIONS]
    ]


def _annotation(finding: Finding) -> str:
    properties = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.rule}
    named = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"::{finding.severity} {named}::{_data(f'{finding.field}: {finding.message}{fix}')}"


def _data(text: str) -> str:
    """Return text that ends no workflow command and starts none: GitHub reads them line by line."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def logged(text: str) -> str:
    """Return one line of a log in which no command of GitHub's begins, whatever the text holds."""
    flat = visible(text.encode("utf-8", "replace").decode("utf-8")).strip()
    return flat.replace("##[", "#\N{WORD JOINER}#[").replace("::", ":\N{WORD JOINER}:")


def summary(
    head: str,
    checked: Mapping[str, int],
    findings: Sequence[Finding],
    economics: Mapping[str, Mapping[str, Percent | None]],
) -> str:
    """Return the summary of the job in markdown."""
    errors = sum(found.severity == "error" for found in findings)
    verdict = "Not passed" if errors else "Passed" if any(checked.values()) else "Nothing to check"
    looked = ", ".join(f"{kind}: {number}" for kind, number in checked.items() if number)
    lines = [
        f"### {verdict}: {counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}",
        "",
        f"Commit `{head[:10]}`. {looked or 'No template, evidence or collector is changed.'}",
        "",
    ]
    if findings:
        rows = [_row(found) for found in sorted(findings, key=lambda f: (f.severity, f))[:MOST_LISTED]]
        lines += table(("where", "rule", "what", "fix"), rows)
    if economics:
        lines += ["", *table(("template", "workload", "expected #", "P10 to P90 #"), economic_rows(economics))]
    return "\n".join(lines) + "\n\n"


def _row(found: Finding) -> tuple[str, ...]:
    place = ":".join(str(part) for part in (found.file, found.line, found.column) if part)
    return cell(place), f"{found.severity} {cell(found.rule)}", cell(f"{found.field}: {found.message}"), cell(found.fix)


def economic_rows(economics: Mapping[str, Mapping[str, Percent | None]]) -> list[tuple[str, ...]]:
    """Return template, workload, expected saving and its range, each fit for a cell."""
    rows: list[tuple[str, ...]] = []
    for path, saved in sorted(economics.items()):
        for workload, percent in sorted(saved.items()):
            expected, between = "stays silent", ""
            if percent is not None:
                expected, between = f"{percent[1]:.1f} %", f"{percent[0]:.1f} to {percent[2]:.1f} %"
            rows.append((cell(path), cell(workload), expected, between))
    return rows
