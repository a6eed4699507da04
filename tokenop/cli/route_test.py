"""`tokenop route test`: check routing configs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.cli.routing_files import chosen, project, shown
from tokenop.errors import NoInputError

if TYPE_CHECKING:
    from tokenop.errors import Finding
    from tokenop.routing.lint.run import Result

_FORMATS = ("text", "json", "github")


@click.command(
    name="test",
    epilog="""\b
Examples:
  tokenop route test                                   what is shipped, and the project's tokenop/router.yaml
  tokenop route test templates/routing/default.yaml
  tokenop route test --format github                   annotations beside the lines of a pull request
""",
)
@click.argument("configs", nargs=-1, type=click.Path(path_type=Path), metavar="[CONFIG]...")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", help="How to print. [default: text]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Judge as of this day. [default: today, UTC]")
def command(configs: tuple[Path, ...], form: str, as_json: bool, today: datetime | None) -> int:
    """Check routing configs: models, rules, chains, prices.

    A file of one document is taken for a project's router.yaml and lies over the shipped config. docs/routing.md lists
    the rules. Exit code 1 on errors, 0 on warnings and notes alone, 3 where there is nothing to check.
    """
    import os
    from datetime import UTC

    from tokenop.prices import book, retirements
    from tokenop.routing.lint import run

    day = (today or datetime.now(UTC)).date()
    prices, retired = book.load(), retirements.shipped()
    results = [
        run.check(path, overlays, prices=prices, retirements=retired, today=day, env=os.environ)
        for path, overlays in _wanted(configs)
    ]
    _PRINTERS["json" if as_json else form](results if as_json or form == "json" else _once(results))
    return 1 if any(result.count("error") for result in results) else 0


def _wanted(configs: Sequence[Path]) -> list[tuple[Path, tuple[Path, ...]]]:
    """Return the configs to check, each with what lies over it.

    Raises:
        NoInputError: there is none.
    """
    if configs:
        return [chosen(config) for config in configs]
    from tokenop import routing

    folder = routing.shipped().parent
    wanted: list[tuple[Path, tuple[Path, ...]]] = [(shown(path), ()) for path in sorted(folder.glob("*.yaml"))]
    if project():
        wanted.append(chosen(None))
    if not wanted:
        raise NoInputError(f"no routing config in {folder}, and no tokenop/router.yaml here")
    return wanted


def _once(results: Sequence[Result]) -> list[Result]:
    """Return the same without what an earlier one says already: a project's file lies over a config of the list."""
    seen: set[Finding] = set()
    kept = []
    for result in results:
        fresh = {finding for finding in (*result.findings, *result.notes) if finding not in seen}
        hidden = tuple(one for one in result.suppressed if one[0] not in seen)
        findings, notes = (tuple(one for one in said if one in fresh) for said in (result.findings, result.notes))
        seen |= {*fresh, *(one[0] for one in hidden)}
        kept.append(replace(result, findings=findings, notes=notes, suppressed=hidden))
    return kept


def _text(results: Sequence[Result]) -> None:
    from tokenop.catalogue.linting.text import rendered

    for result in results:
        for finding in result.findings:
            click.echo(rendered(finding))
        for note in result.notes:
            click.echo(_noted(rendered(note)))
        for finding, reason, until in result.suppressed:
            line = rendered(finding).replace(f" {finding.rule}: ", f" {finding.rule}: suppressed until {until}: ", 1)
            click.echo(f"{line}\n    {_plain(reason)}")
    click.echo(_summary(results))


def _noted(line: str) -> str:
    return line.replace(": warning: ", ": note: ", 1)


def _plain(text: str) -> str:
    from tokenop.catalogue.linting.text import visible

    return visible(text)


def _summary(results: Sequence[Result]) -> str:
    counted = [
        (len(results), "config"),
        (sum(result.count("error") for result in results), "error"),
        (sum(result.count("warning") for result in results), "warning"),
        (sum(len(result.notes) for result in results), "note"),
    ]
    words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counted]
    hidden = sum(len(result.suppressed) for result in results)
    words += [f"{hidden} suppressed"] if hidden else []
    further = "Next: tokenop route explain --intent … --tokens …"
    rest = "docs/routing.md lists the rules." if counted[1][0] else further
    return f"{words[0]}: {', '.join(words[1:])}. {rest}"


def _json(results: Sequence[Result]) -> None:
    def noted(finding: Finding) -> dict[str, object]:
        return {**finding.as_dict(), "severity": "note"}

    document = {
        "errors": sum(result.count("error") for result in results),
        "warnings": sum(result.count("warning") for result in results),
        "configs": [
            {
                "config": str(result.path),
                "overlays": [str(path) for path in result.overlays],
                "readable": result.config is not None,
                "findings": [finding.as_dict() for finding in result.findings],
                "notes": [noted(note) for note in result.notes],
                "suppressed": [
                    {**finding.as_dict(), "reason": reason, "until": str(until)}
                    for finding, reason, until in result.suppressed
                ],
            }
            for result in results
        ],
    }
    click.echo(json.dumps(document, indent=2))


def _github(results: Sequence[Result]) -> None:
    from tokenop.catalogue.linting.text import commands

    for line in commands([finding for result in results for finding in result.findings]):
        click.echo(line)
    click.echo(_summary(results))


_PRINTERS: dict[str, Callable[[Sequence[Result]], None]] = {"text": _text, "json": _json, "github": _github}
