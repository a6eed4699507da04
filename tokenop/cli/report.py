"""`tokenop report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tokenop.reports.write import Written

EPILOG = """\b
Examples:
  tokenop report                     the plan and the events in this folder
  tokenop report --dashboard         with interactive charts, still one file
  tokenop report --plan september.yaml --events september.parquet --format csv
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    default=Path("optimization-plan.yaml"),
    show_default=True,
    help="Plan to report on.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    help="Event log that the plan was made from. Default: events.jsonl or events.parquet here.",
)
@click.option(
    "--output-dir", type=click.Path(path_type=Path), default=Path("reports"), show_default=True, help="Where to write."
)
@click.option(
    "--format",
    "formats",
    default="html,csv",
    show_default=True,
    metavar="LIST",
    help="What to write: html (report.html), csv (baseline.csv, optimized.csv, diff.csv).",
)
@click.option("--dashboard", is_flag=True, help="Add interactive charts with filters to the HTML report.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    plan_file: Path, events: Path | None, output_dir: Path, formats: str, dashboard: bool, as_json: bool
) -> None:
    """Write the CSV projections and the HTML report.

    The report is one file that needs no network and no script; --dashboard adds charts with filters by tenant, model,
    intent and date.
    """
    import tempfile

    wanted = _formats(formats, dashboard)
    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch:
        written = make(plan_file, events, output_dir, wanted, dashboard, Path(scratch))
    if as_json:
        import json

        click.echo(json.dumps(written.as_dict(), indent=2, ensure_ascii=False))
        return
    for path in written.files:
        click.echo(str(path))
    click.echo(written.line())
    if written.page:
        click.echo(f"Next: open {written.page} in a browser")
    else:
        click.echo(f"Next: tokenop diff --baseline {output_dir}/baseline.csv --optimized {output_dir}/optimized.csv")


def make(
    plan_file: Path, events: Path | None, output_dir: Path, formats: frozenset[str], dashboard: bool, scratch: Path
) -> Written:
    """Write the report's files; see the options of the command."""
    from tokenop.cli.progress import steps
    from tokenop.database import connect
    from tokenop.planning import inputs
    from tokenop.prices import book as prices
    from tokenop.reports import plan as plans
    from tokenop.reports import write

    plan = plans.read(plan_file)
    log = events or inputs.default_log(Path.cwd())
    with steps() as say:
        say("reading prices")
        book = prices.load()
        connection = connect(spill_to=scratch)
        say("reading events")
        opened = inputs.open_events(connection, book, log, scratch)
        notes = write.agreement(plan, str(opened.inputs["events_hash"]), book.hash, plan_file, log)
        say("replaying the plan")
        project(connection, book, plan_file, opened)
        say("writing")
        return write.write(connection, plan, output_dir, formats, dashboard, notes)


def project(connection: Any, book: Any, plan_file: Path, opened: Any) -> None:
    """Create the relation `projection`: the events of the log under the levers of the plan."""
    from tokenop.economics import replay

    replay.project(connection, book, plan_file, opened)


def _formats(text: str, dashboard: bool) -> frozenset[str]:
    from tokenop.errors import MisuseError

    wanted = frozenset(name.strip().lower() for name in text.split(",") if name.strip())
    unknown = sorted(wanted - {"html", "csv"})
    if unknown or not wanted:
        raise MisuseError(f"--format takes html, csv or both, not {', '.join(unknown) or 'nothing'}")
    if dashboard and "html" not in wanted:
        raise MisuseError("--dashboard needs html in --format")
    return wanted
