"""`tokenop drift`: what runs, what is applied and what is approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.gateway.drift import Drift, Row


@click.command(
    name="drift",
    epilog="""\b
Examples:
  tokenop drift                              against the upstream's default branch
  tokenop drift --branch release --diff      against another one, with what differs
  tokenop drift --json | jq '.files[] | select(.drift != [])'
""",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The project whose applied files (tokenop/*.yaml) hold.",
)
@click.option("--branch", metavar="REV", help="What is approved. [default: origin/HEAD, else main or master]")
@click.option("--diff", "with_diff", is_flag=True, help="Show what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(root: Path, branch: str | None, with_diff: bool, as_json: bool) -> int:
    """Compare what runs, what is applied and what is approved in git.

    Running gateways say what they serve; what templates wrote is in receipts. Exit code 1 where anything differs, 0
    where all is the same, or cannot be compared. docs/serve-config.md says more.
    """
    from tokenop import settings
    from tokenop.errors import MisuseError
    from tokenop.gateway.drift import compare

    if not root.is_dir():
        raise MisuseError(f"--root: no such folder: {root}")
    found = compare(root, settings.home() / "gateway", branch)
    if as_json:
        document = found.as_dict()
        if with_diff:
            for row, said in zip(found.rows, document["files"], strict=True):
                said["diffs"] = list(row.diffs())
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _text(found, with_diff)
    return 1 if found.differs else 0


def _text(found: Drift, with_diff: bool) -> None:
    from tokenop.applying import showing
    from tokenop.cli.progress import results

    visible = showing.visible
    for one in found.gateways:
        click.echo(visible(f"gateway {one.pid} at {one.address}: {one.mode}, digest {one.digest[:12]}, {one.content}"))
        for reason in one.refused:
            click.echo(f"  refused: {visible(reason)}")
    if not found.gateways:
        click.echo("note: no gateway runs here for this project", err=True)
    if found.elsewhere:
        click.echo(f"note: {found.elsewhere} more serve other projects", err=True)
    if found.branch is None:
        click.echo(f"note: what is approved is not known: {visible(found.no_branch)}", err=True)
    else:
        click.echo(visible(f"approved: {found.branch[0]} at {found.branch[1][:12]}"))
    if found.rows:
        _table(found)
    if with_diff:
        for row in found.rows:
            for diff in row.diffs():
                showing.show(results(), diff)
    _told(found)


def _table(found: Drift) -> None:
    from rich.table import Table
    from rich.text import Text

    from tokenop.applying.showing import visible
    from tokenop.cli.progress import results

    table = Table(box=None, pad_edge=False)
    for name in ("file", "running", "applied", "approved", "template"):
        table.add_column(name, overflow="fold")
    for row in found.rows:
        applied = "-" if row.applied is None else row.applied[:8]
        template = "-" if row.template is None else f"{row.template}{' (edited since)' if row.edited else ''}"
        # What is shipped lies deep in an installation; --json has the whole path.
        path = "…/" + "/".join(Path(row.path).parts[-2:]) if Path(row.path).is_absolute() else row.path
        said = (path, _running(row), applied, _approved(row), template)
        table.add_row(*(Text(visible(one)) for one in said))
    results().print(table)


def _running(row: Row) -> str:
    if not row.running:
        return "-"
    seen = sorted({"same" if one == row.applied else "without it" if one is None else one[:8] for one in row.running})
    return ", ".join(seen)


def _approved(row: Row) -> str:
    if not row.tracked:
        return "-"
    return "same" if row.approved == row.applied else "without it" if row.approved is None else row.approved[:8]


def _told(found: Drift) -> None:
    """Say what each difference means and what comes next, and the result in one line."""
    from tokenop.applying.showing import visible
    from tokenop.gateway.drift.model import MEANING

    for row in found.rows:
        for kind, further in zip(row.kinds, row.next, strict=True):
            click.echo(f"{visible(row.path)}: {MEANING[kind]}. Next: {visible(further)}")
    for one in found.outdated:
        click.echo(visible(f"gateway {one.pid} reads the templates {one.content}, this program {found.content}. "
                           "Next: restart the gateway: tokenop serve"))  # fmt: skip
    drifted = sum(bool(row.kinds) for row in found.rows)
    count = f"{len(found.rows)} file{'' if len(found.rows) == 1 else 's'}"
    if found.differs:
        click.echo(f"{count}, {drifted} with a difference.")
    elif not found.rows:
        click.echo("Nothing is applied here: the shipped config holds. Next: tokenop serve --check")
    else:
        compared = [word for word, so in (("runs", found.gateways), ("is approved", found.branch)) if so]
        same = f"what {' and '.join(compared)} is what is applied" if compared else "nothing to compare it with"
        click.echo(f"{count}: {same}.")
