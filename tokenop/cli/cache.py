"""`tokenop cache`: where prompts are cut for a provider's cache, and which answers are kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.cli import cache_responses
from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.providers.caching.check import Report

_MODEL = "claude-sonnet-4-5"


@click.group(
    name="cache",
    epilog="""\b
Examples:
  tokenop cache check
  tokenop cache responses
""",
)
def command() -> None:
    """Check where prompts are cut for a provider's cache, and show kept answers."""


command.add_command(cache_responses.command)


@command.command(
    epilog="""\b
Examples:
  tokenop cache check                                    agents, prompts, CLAUDE.md and rules of this project
  tokenop cache check .claude/agents/reviewer.md         one file
  tokenop cache check prompts --model claude-opus-4-6    for a model that caches from 4,096 tokens on
  tokenop cache check --json | jq .checked
""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--model", default=_MODEL, show_default=True, help="The model that files are for that name none.")
@click.option(
    "--minimum", type=click.IntRange(min=1), help="Shortest prefix that is cached, in tokens. [default: the model's]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def check(paths: tuple[Path, ...], model: str, minimum: int | None, as_json: bool) -> int:
    """Find agent and prompt files whose cache boundary is missing or misplaced.

    A line with the marker CACHE BOUNDARY ends what stays the same from call to call. docs/prompt-caching.md says more.
    Of a folder, the files are checked that are usual in a project. Exit code 1 on errors, 0 on warnings alone, 3 where
    there is nothing to check.
    """
    from tokenop.providers.caching import check as checking
    from tokenop.providers.caching.limits import minimum_tokens

    if minimum is None and minimum_tokens(model) is None:
        raise MisuseError(f"--model: {model} knows no breakpoints, or its shortest prefix is not known: add --minimum")
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise MisuseError(f"no such file or folder: {', '.join(absent)}")
    report = checking.check(paths or (Path(),), model, minimum)
    if as_json:
        _json(report)
    else:
        _text(report)
    return 1 if report.count("error") else 0


def _json(report: Report) -> None:
    document = {
        "files": len(report.checked),
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "missing": list(report.missing),
        "checked": [asdict(each) for each in report.checked],
        "findings": [found.as_dict() for found in report.findings],
    }
    click.echo(json.dumps(document, indent=2))


def _text(report: Report) -> None:
    from tokenop.catalogue.linting.text import rendered

    for name in report.missing:
        click.echo(f"note: this project has no {name}; the other blocks are cached without it", err=True)
    for found in report.findings:
        click.echo(rendered(found))
    cut = sum(each.boundary is not None for each in report.checked)
    errors, warnings = (_number(report.count(kind), kind) for kind in ("error", "warning"))
    click.echo(f"{_number(len(report.checked), 'file')}, {cut} with a cache boundary: {errors}, {warnings}.")
    if report.count("error"):
        click.echo("Next: mend them, then tokenop cache check")


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
