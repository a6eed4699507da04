"""Check an event log, or a file of usage records: every wrong row, named as `file:line: field: rule: message`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tokenop.errors import Finding
from tokenop.events import usage
from tokenop.events.log_ingest import ingest


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check. `events` = `valid` + `invalid`; `more` counts the findings beyond those given.

    `noun` is what a row is called: `event`, or `record` in a file of usage records.
    """

    events: int
    valid: int
    invalid: int
    findings: tuple[Finding, ...]
    more: int
    noun: str = "event"

    @property
    def exit_code(self) -> int:
        """3 for no events, 1 where one is wrong, 0 otherwise: warnings do not fail."""
        failed = self.invalid or any(finding.severity == "error" for finding in self.findings)
        return 1 if failed else 0 if self.events else 3

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready fields."""
        findings = [
            {
                "file": finding.file,
                "line": finding.line,
                "field": finding.field,
                "rule": finding.rule,
                "severity": finding.severity,
                "message": f"{finding.message} ({finding.fix})" if finding.fix else finding.message,
            }
            for finding in self.findings
        ]
        return {
            "events": self.events,
            "valid": self.valid,
            "invalid": self.invalid,
            "findings": findings,
            "more": self.more,
        }


def validate_file(path: Path, limit: int = 100) -> Report:
    """Check the event log `path` (`.jsonl`, `.csv` or `.parquet`) against the schema and its invariants.

    A `.jsonl` file whose first line has a `period_start` holds usage records, and is checked as such.

    A Parquet row's line is its number, from 1. A row whose id an earlier row has counts as wrong, the earlier one not.

    Args:
        path: the log.
        limit: how many findings to give; the rest are counted.

    Raises:
        InputError: the file cannot be read at all.
    """
    with tempfile.TemporaryDirectory(prefix="tokenop-validate-", ignore_cleanup_errors=True) as scratch:
        if usage.is_usage(path):
            verdict, _ = usage.ingest(path, Path(scratch), limit)
            return Report(
                verdict.rows, verdict.rows - verdict.invalid, verdict.invalid, verdict.findings, verdict.more, "record"
            )
        found = ingest(path, Path(scratch), limit, exact_warnings=True, hashed=False)
    return Report(found.rows, found.count, found.invalid, found.findings, found.more)
