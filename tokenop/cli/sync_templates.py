"""`tokenop sync-templates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tokenop.errors import MisuseError, TokenOpError

if TYPE_CHECKING:
    from tokenop.applying.sync.run import Result

EPILOG = """\b
Examples:
  tokenop sync-templates --from https://git.example.com/llm/templates.git
  tokenop sync-templates                               the same address again, or $TOKENOP_TEMPLATES_URL
  tokenop sync-templates --from ../templates --ref v2 --commit 0123456789abcdef0123456789abcdef01234567
"""
_MOST = 20


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--from", "url", metavar="URL|PATH", help="Repository: https, ssh, or a folder.")
@click.option(
    "--ref", help="Branch or tag. Default: that of the last sync from there, or what is offered first (HEAD)."
)
@click.option("--commit", help="The commit that it must be, in full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(url: str | None, ref: str | None, commit: str | None, as_json: bool) -> None:
    """Fetch the newest templates, checked and pinned to a commit.

    They go into $TOKENOP_HOME/templates and are used from then on. Nothing that is fetched runs: git checks nothing
    out, and links, submodules, odd names and large files are refused. Where it fails, what was there stays.
    """
    from datetime import date

    from tokenop import settings
    from tokenop.applying.sync import run
    from tokenop.cli.progress import steps

    address = run.address(url)
    if address is None:
        raise MisuseError(f"no address is known: give --from, or set {run.URL}. In use: {run.used()}")
    today = date.today()  # noqa: DTZ011 (the day where the user is)
    try:
        with steps() as progress:
            result = run.sync(
                run.Request(address, ref if commit else run.branch(ref, address), commit, today), progress
            )
    except TokenOpError:
        click.echo(f"Nothing was changed. In use: {run.used()}", err=True)
        raise
    if as_json:
        click.echo(_json(result))
        return
    _show(result)
    if settings.checkout() is not None:
        click.echo(f"note: commands of this program use {run.used()}", err=True)


def _show(result: Result) -> None:
    from tokenop.applying.showing import visible

    found = result.difference
    for sign, names in (("+", found.added), ("-", found.removed)):
        _list([f"{sign} {name}" for name in names])
    _list([f"~ {name}: {visible(change)}" for name, change in found.changed])
    for finding in result.left_out:
        click.echo(f"left out: {visible(str(finding))}", err=True)
    count = len(result.synced.templates)
    of = "" if result.synced.ref == "HEAD" else f" of {visible(result.synced.ref)}"
    signed = ", signed" if result.synced.signed else ""
    changes = f"{len(found.added)} new, {len(found.removed)} gone, {len(found.changed)} changed"
    click.echo(
        f"{count} template{'' if count == 1 else 's'} at commit {result.synced.commit[:12]}{of}{signed}: {changes} "
        f"against {result.compared_with}."
    )
    click.echo("Next: tokenop templates search, or tokenop plan")


def _list(lines: list[str]) -> None:
    for line in lines[:_MOST]:
        click.echo(line)
    if len(lines) > _MOST:
        click.echo(f"  and {len(lines) - _MOST} more")


def _json(result: Result) -> str:
    import json

    found = result.difference
    document = {
        **result.synced.as_dict(),
        "folder": str(result.folder),
        "compared_with": result.compared_with,
        "added": list(found.added),
        "removed": list(found.removed),
        "changed": [{"id": name, "change": change} for name, change in found.changed],
        "left_out": [finding.as_dict() for finding in result.left_out],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
