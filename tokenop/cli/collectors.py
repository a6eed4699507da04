"""`tokenop collectors`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from tokenop.collect.check import Checked, Difference
    from tokenop.errors import Finding

EPILOG = """\b
Examples:
  tokenop collectors list
  tokenop collectors check manual
  tokenop collectors check ./acme-gateway
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
    """Show each collector, its kind, what it reads, how it is extracted, and whether there is something here.

    Kinds: events are calls; usage is what vendors count and bill; an inventory is machines.
    """
    from tokenop.collect import manifest, sources
    from tokenop.extract.sources import SOURCES

    found = []
    for name in manifest.names():
        collector = manifest.find(name)
        found.append(
            {
                "name": name,
                "title": collector.title,
                "version": collector.version,
                "kind": collector.kind,
                "extractor": SOURCES.get(name),
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
    for heading in ("name", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("what it reads", "extract", "here"):
        table.add_column(heading, overflow="fold")
    for entry in found:
        here = ", ".join(str(path) for path in entry["found_here"]) if isinstance(entry["found_here"], list) else ""
        usual = "nothing at the usual places" if entry["usual_places"] else "give --input"
        networked = "over the network" if entry["extractor"] else "files only"
        table.add_row(str(entry["name"]), str(entry["kind"]), str(entry["title"]), networked, here or usual)
    Console(highlight=False).print(table)
    click.echo("Next: tokenop discover --collectors NAME; of a source over the network first tokenop extract NAME")


@command.command("check", epilog="\b\nExample:\n  tokenop collectors check claude-code manual")
@click.argument("names", nargs=-1, metavar="[NAME|FOLDER]...")
@click.option("--update", is_flag=True, help="Write what is expected anew from the sample; then read what changed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def check_collectors(ctx: click.Context, names: Sequence[str], update: bool, as_json: bool) -> None:
    """Run collectors on their samples and compare with what they must give.

    Checks the manifest with licence, hosts and rights, that map.sql is a SELECT that may run, that it reads all columns
    and settings that are declared and no others, that the sample gives exactly what stands in expected.jsonl (of an
    inventory, expected.yaml), and that rows made wrong stop nothing: each ends as an event, a duplicate, rejected or
    filtered. Without a name, checks all; a folder that holds collectors stands for all of them. Exit code 1 where
    something is wrong, with file and line.
    """
    from tokenop import files, settings
    from tokenop.collect import check, manifest

    root = settings.content("collectors")
    folders = []
    for name in names or manifest.names():
        if inside := _collectors_in(Path(name)):
            folders += inside
        elif "/" in name or (Path(name) / "README.md").is_file():
            folders.append(Path(name))
        else:
            folders.append(root / name if name in manifest.names() else manifest.find(name).folder)
    if update:
        for folder in folders:
            collector = manifest.load(folder)
            given, _ = check.outcome(collector)
            files.write_text(check.expected_file(collector), check.render(collector, given))
    results = _check_all(folders)
    if as_json:
        click.echo(json.dumps({"collectors": [result.as_dict() for result in results]}, indent=2))
    else:
        from tokenop.cli import progress

        console = progress.results()
        for result in results:
            _print(console, result)
        bad = sum(bool(result.findings) for result in results)
        console.print(f"{len(results) - bad} of {len(results)} collectors are as they must be")
        if not bad and names:
            console.print(f"Next: tokenop discover --collectors {','.join(names)} --input PATH", soft_wrap=True)
    if any(result.findings for result in results):
        ctx.exit(1)


def _collectors_in(folder: Path) -> list[Path]:
    """Return the collectors in a folder that is none itself, as another repository's `collectors/`."""
    return [] if (folder / "map.sql").exists() else sorted(path.parent for path in folder.glob("*/map.sql"))


def _check_all(folders: Sequence[Path]) -> list[Checked]:
    """Check collectors side by side: each waits mostly for the process that maps its sample."""
    import importlib.util
    import os
    from concurrent.futures import ThreadPoolExecutor

    from tokenop.cli import progress
    from tokenop.collect import check
    from tokenop.extract.sources import SOURCES

    texts = {}
    for name, module in SOURCES.items():
        found = importlib.util.find_spec(module)
        texts[name] = Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
    with progress.steps() as step, ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        done: list[Checked] = []
        for result in pool.map(lambda folder: check.check(folder, texts, check.MUTANTS), folders):
            done.append(result)
            step(f"checked {len(done)} of {len(folders)} collectors, last {result.name}")
    return done


def _print(console: Console, result: Checked) -> None:
    """Print one result: a line, and below it what is wrong, with what was expected and what came instead."""
    say: Callable[..., None] = lambda text, style="": console.print(text, style=style, markup=False, soft_wrap=True)  # noqa: E731
    counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in result.counts.items())
    mutated = f"; {result.mutated['rows_in']} mutated rows accounted for" if result.mutated else ""
    head = f"{'ok' if not result.findings else 'FAILED'}  {result.name}{f': {counts}' if counts else ''}{mutated}"
    say(head, "bold red" if result.findings else "green")
    unlike = list(result.differences)
    for finding in result.findings:
        difference = unlike.pop(0) if finding.rule == "COLLECTOR-EXPECTED" and unlike else None
        if difference is None or len(difference.fields) == 0:
            say(f"  {finding}")
        else:
            _print_difference(say, finding, difference)


def _print_difference(say: Callable[..., None], finding: Finding, difference: Difference) -> None:
    """Print a difference as `-` what stands in the expected file, `+` what the sample gives."""
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    what = finding.message if finding.message.startswith("the sample") else f"{difference.record} differs"
    say(f"  {where}: {finding.rule}: {what}")
    for name, expected, given in difference.fields:
        if expected is not None:
            say(f"    - {name}: {json.dumps(expected, ensure_ascii=False)}", "red")
        if given is not None:
            say(f"    + {name}: {json.dumps(given, ensure_ascii=False)}", "green")
