"""`tokenop template-apply`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.applying import receipts
from tokenop.cli import again
from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenop.applying.model import Change
    from tokenop.catalogue.model import Template
    from tokenop.catalogue.parameters import Value

EPILOG = """\b
Examples:
  tokenop template-apply prompt-caching --dry-run     what it would change in this folder
  tokenop template-apply prompt-caching               asks, then writes
  tokenop template-apply spot-instance-optimization --inventory inventory.yaml --terraform infra/prod --yes
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("template_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--interactive", is_flag=True, help="Ask for each value that the template wants.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Value of a parameter. May be given again.")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default=True,
    help="Folder that the template is applied to.",
)
@click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    help="What runs, for templates that change Terraform sources. Default: the project's inventory.yaml.",
)
@click.option("--terraform", type=click.Path(path_type=Path), help="Folder of the root module's *.tf.")
@click.option(
    "--templates-dir", type=click.Path(path_type=Path), help="Folder of templates. Default: the synced or shipped ones."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(
    template_id: str,
    dry_run: bool,
    interactive: bool,
    yes: bool,
    given: tuple[str, ...],
    project: Path,
    inventory: Path | None,
    terraform: Path | None,
    templates_dir: Path | None,
    as_json: bool,
) -> int:
    """Write a template's files into your project, after showing the diff.

    All of its files are written or none, and `template-rollback` restores every byte. Keys are merged into YAML and
    JSON that is there; your comments, order and quotes stay.
    """
    from datetime import date

    from tokenop.applying import apply, journal
    from tokenop.applying import terraform as sources
    from tokenop.catalogue import loader
    from tokenop.cli import using

    if as_json and not (yes or dry_run):
        raise MisuseError("with --json nobody is asked: add --dry-run to see the change, or --yes to write it")
    if not dry_run and (mended := journal.mend(project)):
        click.echo(f"note: {mended}", err=True)
    using.tell(templates_dir)
    template = loader.one(template_id, templates_dir)
    values = _values(template, given, interactive)
    diffs, notes = sources.diffs(template, project, inventory, terraform)
    change = apply.plan(template, project, values, diffs)
    writes = not (dry_run or change.conflicts or change.applied)
    if not as_json:
        try:
            _show(template, change, notes)
        except BrokenPipeError:
            if not (writes and yes):
                raise  # with --yes it does not depend on who reads along
    if writes:
        if change.files and not yes:
            _ask(change, interactive)
        apply.write(change, project, date.today())  # noqa: DTZ011 (the day where the user is)
    if as_json:
        click.echo(_json(change, notes, writes))
    elif change.conflicts:
        click.echo(f"Nothing was written: {_count(len(change.conflicts), 'thing')} in the way.")
    else:
        set_ = given if not interactive else [f"{name}={value}" for name, value in values.items()]
        this = again.command("template-apply", template_id, set=set_, project=project, inventory=inventory,
                             terraform=terraform, templates_dir=templates_dir)  # fmt: skip
        _result(change, writes, this, again.command("template-rollback", template_id, project=project))
    return 1 if change.conflicts else 0


def _values(template: Template, given: tuple[str, ...], interactive: bool) -> Mapping[str, Value]:
    """Return the values that are given or asked for, by name."""
    from tokenop.applying.filling import described
    from tokenop.catalogue.parameters import parsed

    values: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise MisuseError(f"--set {text}: write NAME=VALUE")
        if name in values:
            raise MisuseError(f"--set {name} is given twice")
        values[name] = value
    for parameter in template.parameters if interactive else ():
        while parameter.name not in values:
            question = f"{parameter.name}: {described(parameter)}"
            answer = click.prompt(question, default=parameter.default, err=True, type=str)
            try:
                values[parameter.name] = parsed(parameter, str(answer))
            except ValueError as error:
                click.echo(f"{parameter.name}: {error}", err=True)
    return values


def _show(template: Template, change: Change, notes: tuple[str, ...]) -> None:
    from tokenop.applying import showing
    from tokenop.cli.progress import results

    if template.status in ("draft", "deprecated"):
        click.echo(f"{template.id} is {template.status}", err=True)
    showing.show(results(), change.diff())
    for target in change.unchanged:
        click.echo(f"{target}: holds already what the template writes", err=True)
    for note in (*change.notes, *notes):
        click.echo(f"note: {showing.visible(note)}", err=True)
    for conflict in change.conflicts:
        for line in str(conflict).split("\n"):
            click.echo(showing.visible(line), err=True)


def _ask(change: Change, interactive: bool) -> None:
    """Ask whether to write; refuse where nobody is there to ask."""
    if not (interactive or sys.stdin.isatty()):
        raise MisuseError("nothing was written, as nobody can be asked here; the same command with --yes writes it")
    if not click.confirm(f"Write {_count(len(change.files), 'file')}?", err=True):
        click.echo("Nothing was written.", err=True)
        raise click.Abort


def _result(change: Change, written: bool, this: str, back: str) -> None:
    """Say what was done, and the commands that come next: `this` one, or the one that goes `back`."""
    name = f"{change.template} {change.version}"
    if change.applied:
        click.echo(f"{name} is applied here already: nothing to change.\nTake it back: {back}")
    elif not written:
        click.echo(f"{name} would change {_count(len(change.files), 'file')}. Nothing was written.\nNext: {this}")
    else:
        done = f"{_count(len(change.files), 'file')} written" if change.files else "nothing to change"
        click.echo(f"{name}: {done}; receipt in {receipts.path(change.template)}.\nTake it back: {back}\n"
                   f"Next: measure for a week, then tokenop submit-implementation {change.template}")  # fmt: skip


def _json(change: Change, notes: tuple[str, ...], written: bool) -> str:
    import json

    from tokenop.applying.apply import plain

    document: dict[str, Any] = {
        "template": change.template,
        "version": change.version,
        "parameters": plain(change.parameters),
        "written": written,
        "applied": written or change.applied,
        "files": [{"target": one.target, "new": one.before is None, "diff": one.diff()} for one in change.files],
        "unchanged": list(change.unchanged),
        "conflicts": [conflict.as_dict() for conflict in change.conflicts],
        "notes": [*change.notes, *notes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
