"""`tokenop templates lint`: check templates and the evidence about them, and mend what can be mended."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.catalogue.linting.fixing import Mended
    from tokenop.catalogue.linting.lint import Linted

_FORMATS = ("text", "json", "github", "sarif")


@click.command(
    epilog="""\b
Examples:
  tokenop templates lint                         all of this checkout, or the synced or shipped templates
  tokenop templates lint my-template.md --fix    mend what can be mended, then check
  tokenop templates lint --fix --diff            show what would be mended
  tokenop templates lint --format sarif > lint.sarif
""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--fix", is_flag=True, help="Mend what can be mended; comments and layout stay.")
@click.option("--diff", "only_diff", is_flag=True, help="Show what --fix would change and write nothing.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", help="How to print. [default: text]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--select", multiple=True, metavar="RULE", help="Only rules that begin so, such as EC or EC001. Repeat.")
@click.option("--ignore", multiple=True, metavar="RULE", help="No rules that begin so. Repeat.")
@click.option("--replay", is_flag=True, help="Also the rules that replay the template on the reference workloads.")
@click.option(
    "--today", type=click.DateTime(["%Y-%m-%d"]), help="Judge freshness as of this day. [default: today, UTC]"
)
def lint(
    paths: tuple[Path, ...],
    fix: bool,
    only_diff: bool,
    form: str,
    as_json: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    replay: bool,
    today: datetime | None,
) -> int:
    """Check templates and reports: each finding as file:line:column: field: rule: message (fix).

    docs/rules.md explains the rules. Exit code 1 on errors (--diff: also where something would change), 0 on warnings
    alone, 3 where nothing was found to check. With --format sarif findings do not change the exit code.
    """
    from datetime import UTC

    from tokenop import settings
    from tokenop.catalogue.linting import lint as linting
    from tokenop.catalogue.linting import workers
    from tokenop.cli import using

    if not paths:
        using.tell()
        if fix and not only_diff and settings.checkout() is None:
            raise MisuseError("what was synced, or came with the program, stays as it is: name the files to mend")
    day = (today or datetime.now(UTC)).date()
    rules = linting.chosen(select, ignore)
    with workers.no_collection():
        return _linted(
            linting.lint(paths or _here(), day, rules, _replayer() if replay else None),
            fix,
            only_diff,
            "json" if as_json else form,
        )


def _linted(linted: Linted, fix: bool, only_diff: bool, form: str) -> int:
    """Print what was found and mend what can be mended; return the exit code."""
    if fix or only_diff:
        from tokenop.catalogue.linting import fixing

        changes, mended = fixing.mend(linted)
        if only_diff:
            _show(changes)
            return 1 if changes else 0
        _write(changes)
        linted = mended
    _PRINTERS[form](linted)
    return 1 if linted.count("error") and form != "sarif" else 0


def _here() -> tuple[Path, ...]:
    """Return the shipped templates and the evidence beside them, relative to the working directory where they are."""
    from tokenop import settings

    found = [settings.content(kind) for kind in ("templates", "validations")]
    here = Path.cwd()
    return tuple(path.relative_to(here) if path.is_relative_to(here) else path for path in found if path.is_dir())


def _replayer() -> Any:
    from tokenop.trials.drafts import replayer

    return replayer


def _write(changes: Iterable[Mended]) -> None:
    from tokenop import files

    for change in changes:
        with files.atomic(change.path) as temporary:
            temporary.write_bytes(change.after)
        click.echo(f"mended {change.path}", err=True)


def _show(changes: Iterable[Mended]) -> None:
    from tokenop.catalogue.linting.text import visible

    for change in changes:
        name = visible(str(change.path))
        before, after = (raw.decode("utf-8").splitlines(keepends=True) for raw in (change.before, change.after))
        for line in difflib.unified_diff(before, after, name, f"{name} (mended)"):
            click.echo(visible(line.rstrip("\r\n")))


def _text(linted: Linted) -> None:
    from tokenop.catalogue.linting import fixing, text

    for finding in linted.findings:
        click.echo(text.rendered(finding))
    click.echo(_summary(linted))
    if linted.findings and fixing.proposals(linted):
        click.echo("Some of this can be mended: add --fix, or --diff to see it first.")


def _summary(linted: Linted) -> str:
    reports = sum(source.kind == "evidence" for source in linted.sources)
    counted = [_number(linted.files - reports, "template"), *([_number(reports, "report")] if reports else [])]
    errors, warnings = linted.count("error"), linted.count("warning")
    return f"{', '.join(counted)}: {_number(errors, 'error')}, {_number(warnings, 'warning')}."


def _json(linted: Linted) -> None:
    from tokenop.catalogue.linting import fixing

    fixable = fixing.proposals(linted)
    document = {
        "files": linted.files,
        "errors": linted.count("error"),
        "warnings": linted.count("warning"),
        "findings": [{**found.as_dict(), "fixable": (found.file, found.rule) in fixable} for found in linted.findings],
    }
    click.echo(json.dumps(document, indent=2))


def _github(linted: Linted) -> None:
    from tokenop.catalogue.linting import text

    for line in text.commands(linted.findings):
        click.echo(line)
    click.echo(_summary(linted))


def _sarif(linted: Linted) -> None:
    from tokenop.catalogue.linting import sarif

    click.echo(json.dumps(sarif.log(linted), indent=2))


_PRINTERS: dict[str, Callable[[Linted], None]] = {"text": _text, "json": _json, "github": _github, "sarif": _sarif}


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
