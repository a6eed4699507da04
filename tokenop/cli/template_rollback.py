"""`tokenop template-rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.applying.undo import Undoing

EPILOG = """\b
Examples:
  tokenop template-rollback prompt-caching
  tokenop template-rollback prompt-caching --dry-run       what it would restore
  tokenop template-rollback prompt-caching --keep-edits    and keep what you changed since
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("template_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--keep-edits", is_flag=True, help="Take out the template's lines only; keep what was changed since.")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default=True,
    help="Folder that the template was applied to.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(template_id: str, dry_run: bool, keep_edits: bool, project: Path, as_json: bool) -> int:
    """Restore what was there before a template was applied.

    Every file gets its bytes and mode back, files and folders that the template made go away. Where a file was changed
    since, nothing is done and the change is shown.
    """
    from tokenop.applying import journal, undo
    from tokenop.cli import again

    if not dry_run and (mended := journal.mend(project)):
        click.echo(f"note: {mended}", err=True)
    undoing = undo.plan(project, template_id, keep_edits)
    written = not (dry_run or undoing.conflicts)
    if not as_json:
        try:
            _show(undoing, keep_edits)
        except BrokenPipeError:
            if not written:
                raise  # what is done does not depend on who reads along
    if written:
        undo.write(undoing, project)
    if as_json:
        click.echo(_json(undoing, written))
    elif undoing.conflicts:
        click.echo("Nothing was restored.")
    elif written:
        click.echo(f"{template_id} is taken back: {_files(len(undoing.files))} restored, the receipt is removed.")
        click.echo(f"Next: {again.command('template-apply', template_id, project=project)} puts it in again")
    else:
        click.echo(f"{template_id}: {_files(len(undoing.files))} would be restored. Nothing was written.")
        this = again.command("template-rollback", template_id, keep_edits=keep_edits, project=project)
        click.echo(f"Next: {this}")
    return 1 if undoing.conflicts else 0


def _show(undoing: Undoing, keep_edits: bool) -> None:
    from tokenop.applying import showing
    from tokenop.cli.progress import results

    console = results()
    if undoing.edited and not keep_edits:
        click.echo("Changed since the template was applied:", err=True)
        showing.show(console, undoing.edited)
    else:
        showing.show(console, undoing.diff())
    for conflict in undoing.conflicts:
        click.echo(showing.visible(str(conflict)), err=True)


def _json(undoing: Undoing, written: bool) -> str:
    import json

    document = {
        "template": undoing.receipt.template,
        "version": undoing.receipt.version,
        "written": written,
        "files": [{"target": one.target, "removed": one.after is None, "diff": one.diff()} for one in undoing.files],
        "edited": undoing.edited,
        "conflicts": [conflict.as_dict() for conflict in undoing.conflicts],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"
