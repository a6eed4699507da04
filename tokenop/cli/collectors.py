"""`tokenop collectors`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

EPILOG = """\b
Examples:
  tokenop collectors list
  tokenop collectors check manual
"""


@click.group(short_help="List and check the collectors.", epilog=EPILOG)
def command() -> None:
    """List and check the collectors.

    A collector is a folder with a manifest (the first part of its README.md), one SELECT (map.sql), a sample and the
    events that the sample must give. collectors/README.md says how to write one.
    """


@command.command("list", epilog="\b\nExample:\n  tokenop collectors list --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_collectors(as_json: bool) -> None:
    """Show each collector, what it reads, and whether there is something here."""
    from tokenop.collect import manifest, sources

    found = []
    for name in manifest.names():
        collector = manifest.find(name)
        found.append(
            {
                "name": name,
                "title": collector.title,
                "version": collector.version,
                "source": collector.source,
                "usual_places": list(collector.default_paths),
                "found_here": [str(path) for path in sources.default_paths(collector)],
                "settings": {
                    setting.name: {"default": setting.default, "description": setting.description}
                    for setting in collector.settings
                },
                "grants": list(collector.grants),
                "egress": list(collector.egress),
                "verified_on": collector.verified_on,
            }
        )
    if as_json:
        click.echo(json.dumps({"collectors": found}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it reads", "here"):
        table.add_column(heading, overflow="fold")
    for entry in found:
        here = ", ".join(str(path) for path in entry["found_here"]) if isinstance(entry["found_here"], list) else ""
        usual = "nothing at the usual places" if entry["usual_places"] else "give --input"
        table.add_row(str(entry["name"]), str(entry["source"]), here or usual)
    Console(highlight=False).print(table)
    click.echo("Next: tokenop discover --collectors NAME")


@command.command("check", epilog="\b\nExample:\n  tokenop collectors check claude-code manual")
@click.argument("names", nargs=-1, metavar="[NAME|FOLDER]...")
@click.option("--update", is_flag=True, help="Write what is expected anew from the sample; then read what changed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def check_collectors(ctx: click.Context, names: Sequence[str], update: bool, as_json: bool) -> None:
    """Run collectors on their samples and compare with what they must give.

    Checks the manifest, that map.sql is a SELECT that may run, that the sample's rows all are accounted for, and that
    they give exactly what stands in expected.jsonl (of an inventory, expected.yaml). Without a name, checks all.
    """
    from tokenop import files, settings
    from tokenop.collect import check, manifest

    root = settings.content("collectors")
    folders = []
    for name in names or manifest.names():
        if "/" in name or (Path(name) / "README.md").is_file():
            folders.append(Path(name))
        else:
            folders.append(root / name if name in manifest.names() else manifest.find(name).folder)
    if update:
        for folder in folders:
            collector = manifest.load(folder)
            given, _ = check.outcome(collector)
            files.write_text(check.expected_file(collector), check.render(collector, given))
    results = [check.check(folder) for folder in folders]
    if as_json:
        click.echo(json.dumps({"collectors": [result.as_dict() for result in results]}, indent=2))
    else:
        for result in results:
            counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in result.counts.items())
            click.echo(f"{'ok' if not result.findings else 'FAILED'}  {result.name}{f': {counts}' if counts else ''}")
            for finding in result.findings:
                click.echo(f"  {finding}")
        bad = sum(bool(result.findings) for result in results)
        click.echo(f"{len(results) - bad} of {len(results)} collectors are as they must be")
    if any(result.findings for result in results):
        ctx.exit(1)
