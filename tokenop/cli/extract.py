"""`tokenop extract`."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import MisuseError, NoInputError, TokenOpError

if TYPE_CHECKING:
    from tokenop.collect.manifest import Manifest
    from tokenop.extract.job import Job
    from tokenop.extract.run import Extracted, Planned

EPILOG = """\b
Examples:
  tokenop extract snowflake --dry-run                 every statement, without a login and without a network
  tokenop extract snowflake                           the last 30 days; later, what is new since then
  tokenop extract litellm databricks --since 2026-10-01
  tokenop extract snowflake --setting view=ANALYTICS.PUBLIC.INFERENCE_USAGE_VIEW --stream own_view

\b
Writes into $TOKENOP_HOME/extracts/NAME (default ~/.tokenop), one file for each hour or day in UTC. A slice is written
whole or not at all and replaces itself when fetched again: stop it at any moment, run it again, nothing is lost and
nothing is there twice. Slices that late rows may still reach are fetched again by the next run.

Credentials are found the way each vendor's own tools find them. They are never written, shown or passed on; the process
that uses them reaches the hosts of the manifest and nothing else. docs/extract.md lists the variables.

Exit code 0 done, 1 a source refuses or a login is missing, 2 misuse, 3 where no view could be read.
"""


# Slices are hours: from the year 1 there would be 18 million of them.
_FIRST_YEAR = 2015


@click.command(short_help="Fetch usage from networked sources into files.", epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--since", metavar="T", help="Fetch slices from here on (2026-01-31 or RFC 3339). Default: go on, or 30 days."
)
@click.option("--until", metavar="T", help="Fetch slices that begin before this time. Default: now.")
@click.option("--stream", "streams", multiple=True, metavar="S", help="Only this view or endpoint. Repeatable.")
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of a collector. Repeatable."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder to write DIR/NAME into, instead of $TOKENOP_HOME/extracts.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Fetch also slices that are complete.")
@click.option("--dry-run", is_flag=True, help="Print every statement and URL, and contact nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    names: Sequence[str],
    since: str | None,
    until: str | None,
    streams: tuple[str, ...],
    settings: Sequence[str],
    out: Path | None,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch usage from networked sources into files.

    This is the one command that talks to a network. It asks for the columns that the collector's manifest names, with
    read-only statements, and writes them where `tokenop discover` reads them.
    """
    from tokenop.extract import run

    collectors = _collectors(names)
    given = _given(collectors, settings)
    start, end = _time("--since", since), _time("--until", until)
    if start and end and end <= start:
        raise MisuseError(f"--until {until}: is not after --since {since}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if start and start > now:
        raise MisuseError(f"--since {since}: lies in the future; it is {now}")
    jobs = [
        (collector, run.new_job(collector, out, given, streams, start, end, now, again)) for collector in collectors
    ]
    if dry_run:
        _dry_run([(collector, job, list(run.plan(collector, job))) for collector, job in jobs], as_json)
        return
    done, failures = _run_all(jobs)
    if as_json:
        failed = [{"collector": name, "error": str(error)} for name, error in failures]
        click.echo(json.dumps({"extracted": [found.as_dict() for found in done], "failed": failed}, indent=2))
    else:
        for found in done:
            _print(found)
        if done:
            _next(done, out)
    for name, error in failures:
        click.echo(f"tokenop: {_prefixed(name, str(error))}", err=True)
    if failures:
        ctx.exit(max(error.exit_code for _, error in failures))


def _collectors(names: Sequence[str]) -> list[Manifest]:
    from tokenop.collect import manifest
    from tokenop.extract.sources import SOURCES

    if not names:
        raise MisuseError(f"name what to extract: {', '.join(_available())}; `tokenop extract --help` has examples")
    found = []
    for name in dict.fromkeys(names):
        collector = manifest.find(name)
        if collector.extract is None or name not in SOURCES:
            raise MisuseError(
                f"{name}: reads files only, there is nothing to extract; these talk to a network: "
                f"{', '.join(_available())}"
            )
        found.append(collector)
    return found


def _available() -> list[str]:
    from tokenop.collect import manifest
    from tokenop.extract.sources import SOURCES

    return [name for name in manifest.names() if name in SOURCES and manifest.find(name).extract]


def _given(collectors: Sequence[Manifest], settings: Sequence[str]) -> dict[str, str]:
    """Return the settings that were given, each of which some collector must know."""
    from tokenop.collect.options import nearest

    known = {name for c in collectors for setting in c.settings for name in (setting.name, f"{c.name}.{setting.name}")}
    found = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise MisuseError(f"--setting {text}: write NAME=VALUE")
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise MisuseError(f"--setting {name}: is not a setting here{nearest(name, known)}; there are: {listed}")
        found[name] = value
    for collector in collectors:
        values = collector.values(found)
        for setting in collector.settings:
            if setting.choices and values[setting.name] not in setting.choices:
                allowed = " or ".join(setting.choices)
                raise MisuseError(f"--setting {setting.name}={values[setting.name]}: must be {allowed}")
    return found


def _time(option: str, text: str | None) -> str | None:
    """Return a time of the command line as RFC 3339 in UTC. A day, or a time without a zone, is meant in UTC."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MisuseError(f"{option} {text}: is not a time; write 2026-01-31 or 2026-01-31T09:00:00Z") from None
    if when.year < _FIRST_YEAR:
        raise MisuseError(f"{option} {text}: lies before {_FIRST_YEAR}, when none of these sources had any usage")
    return when.isoformat(timespec="seconds")


def _run_all(jobs: Sequence[tuple[Manifest, Job]]) -> tuple[list[Extracted], list[tuple[str, TokenOpError]]]:
    """Run all jobs; one that fails does not stop the next."""
    from tokenop.extract import run

    done: list[Extracted] = []
    failures: list[tuple[str, TokenOpError]] = []
    for collector, job in jobs:
        try:
            with _progress(collector.name) as report:
                found = run.run(collector, job, os.environ, report)
        except TokenOpError as error:
            failures.append((collector.name, error))
            continue
        for note in found.notes:
            click.echo(f"note: {_prefixed(collector.name, note)}", err=True)
        if any(stream.status == "read" for stream in found.streams):
            done.append(found)
        else:
            reasons = [stream.reason for stream in found.streams if stream.reason]
            why = "; ".join(reasons) or "all of its streams are off; a setting turns them on"
            failures.append((collector.name, NoInputError(f"nothing could be read: {why}")))
    return done, failures


def _prefixed(name: str, text: str) -> str:
    return text if text.startswith(f"{name}:") else f"{name}: {text}"


@contextmanager
def _progress(name: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield what shows each step: a bar on a terminal, and on a pipe only what people must know."""
    import sys

    if not sys.stderr.isatty():
        yield _tell
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{escape(name)}: starting", total=None)
        stream = ""

        def report(event: dict[str, Any]) -> None:
            nonlocal stream
            kind = event["event"]
            if kind == "stream":
                stream = event["stream"]
                bar.reset(task, total=event["slices"], description=escape(f"{name} {stream}"))
            elif kind == "slice":
                bar.update(task, advance=1, description=escape(f"{name} {stream} {event['slice']}"))
            elif kind == "rows":
                bar.update(task, description=escape(f"{name} {stream}: {event['rows']:,} rows"))
            elif kind == "wait":
                bar.update(task, description=escape(f"{name} {stream}: {event['reason']}, {event['seconds']:.0f} s"))
            else:
                _tell(event)

        yield report


def _tell(event: dict[str, Any]) -> None:
    """Say on stderr what somebody may have to act on, and open the browser that a single sign-on asks for."""
    if event["event"] == "wait" and event["seconds"] >= 5:
        click.echo(f"waiting {event['seconds']:.0f} s: {event['reason']}", err=True)
    elif event["event"] == "browser":
        click.echo(f"log in with your browser: {event['url']}", err=True)
        if event["url"].startswith(("https://", "http://")):
            click.launch(event["url"])


def _print(found: Extracted) -> None:
    from tokenop.cli.progress import results

    for stream in found.streams:
        span = stream.first if stream.first == stream.last else f"{stream.first} … {stream.last}"
        if stream.status == "read":
            slices = "1 slice" if stream.slices == 1 else f"{stream.slices:,} slices"
            fetched = f"{stream.rows:,} rows in {slices} ({span})" if stream.slices else "nothing new"
        else:
            fetched = "off" if stream.status == "off" else "not available here"
        results().print(f"{found.collector} {stream.stream}: {fetched}", markup=False, soft_wrap=True)
    results().print(f"{found.rows:,} rows extracted into {found.folder}", markup=False, soft_wrap=True)


def _next(done: Sequence[Extracted], out: Path | None) -> None:
    names = ",".join(found.collector for found in done)
    inputs = "".join(f" --input {shlex.quote(f'{f.collector}={f.folder}')}" for f in done) if out else ""
    click.echo(f"Next: tokenop discover --collectors {names}{inputs}")


def _dry_run(plans: Sequence[tuple[Manifest, Job, list[Planned]]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"dry_run": [_as_dict(*entry) for entry in plans]}, indent=2))
        return
    for collector, job, streams in plans:
        hosts = ", ".join(host.replace("env:", "$") for host in collector.egress)
        click.echo(f"{collector.name}: would write into {job.out}")
        click.echo(f"  talks to: {hosts}")
        for stream in streams:
            _dry_stream(stream)
    click.echo("Nothing was contacted. Next: the same command without --dry-run")


def _dry_stream(stream: Planned) -> None:
    """Print each different statement or URL of one stream once, with what changes from slice to slice."""
    note = f" ({stream.note})" if stream.note else ""
    slices = "1 slice" if len(stream.slices) == 1 else f"{len(stream.slices):,} slices"
    click.echo(f"\n{stream.stream}: {slices}{note}")
    asked: dict[tuple[str, str], list[dict[str, str]]] = {}
    for _, requests in stream.slices:
        for request in requests:
            asked.setdefault((request.method, request.target), []).append(dict(request.parameters))
    for (method, target), parameters in asked.items():
        click.echo(f"  {target}" if method == "SQL" else f"  {method} {target}")
        for values in parameters:
            if values:
                click.echo("    " + " ".join(f"{name}={value}" for name, value in values.items()))


def _as_dict(collector: Manifest, job: Job, streams: list[Planned]) -> dict[str, Any]:
    return {
        "collector": collector.name,
        "folder": job.out,
        "egress": list(collector.egress),
        "streams": [
            {
                "stream": stream.stream,
                "note": stream.note or None,
                "slices": [
                    {
                        "since": window.since.isoformat().replace("+00:00", "Z"),
                        "until": window.until.isoformat().replace("+00:00", "Z"),
                        "requests": [
                            {"method": r.method, "target": r.target, "parameters": dict(r.parameters)} for r in requests
                        ],
                    }
                    for window, requests in stream.slices
                ],
            }
            for stream in streams
        ],
    }
