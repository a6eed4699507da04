"""`tokenop validate`: check an event log, or a file of usage records."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

EPILOG = """\b
Examples:
  tokenop validate --input events.jsonl
  tokenop validate --input events.parquet --json --limit 20

\b
Exit codes: 0 valid (warnings allowed), 1 errors, 3 no events.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--input", "path", required=True, type=click.Path(path_type=Path), help="Log to check: .jsonl, .csv or .parquet."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=0), help="Findings to print; all are counted."
)
def command(path: Path, as_json: bool, limit: int) -> None:
    """Check an event log against schema and invariants.

    Every finding is one line, `file:line: field: rule: message`, that editors can jump to. docs/events.md explains
    the fields and the rules. A file of usage records (usage.jsonl) is known by its first line: docs/usage.md.
    """
    from tokenop.events.validate import validate_file

    report = validate_file(path, limit)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
        sys.exit(report.exit_code)
    for finding in report.findings:
        click.echo(str(finding))
    if report.more:
        click.echo(f"… and {report.more:,} more findings (--limit {limit})", err=True)
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    warned = f", {warnings:,} warnings shown" if warnings else ""
    if not report.events:
        click.echo(f"{path}: holds no events", err=True)
    else:
        events = f"1 {report.noun}" if report.events == 1 else f"{report.events:,} {report.noun}s"
        click.echo(f"{events}: {report.valid:,} valid, {report.invalid:,} invalid{warned}")
    if report.exit_code == 0:
        following = "profile --events" if report.noun == "event" else "reconcile --usage"
        click.echo(f"Next: tokenop {following} {path}", err=True)
    sys.exit(report.exit_code)
