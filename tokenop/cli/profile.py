"""`tokenop profile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\b
Examples:
  tokenop profile                    events.jsonl here → profile.yaml
  tokenop profile --events september.parquet --cluster-method semantic
  tokenop profile --shareable --out workload.yaml   without tenants, users, ids
  tokenop plan --workload workload.yaml             a plan without the events
"""

SHOWN = 12


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--events", type=click.Path(path_type=Path), help="Event log (JSONL, CSV or Parquet). Default: events.jsonl here."
)
@click.option(
    "--cluster-method",
    type=click.Choice(["intent", "semantic"]),
    default="intent",
    show_default=True,
    help="Group calls by what they are for, or by what their prompts say (where events carry prompts).",
)
@click.option(
    "--shareable",
    is_flag=True,
    help="Write the workload as cells of at least --k calls, without tenants, users or prompts.",
)
@click.option(
    "--k", type=click.IntRange(2, 1_000_000), default=20, show_default=True, help="Fewest calls of a shared cell."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("profile.yaml"),
    show_default=True,
    help="Where to write the profile.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as JSON.")
def command(events: Path | None, cluster_method: str, shareable: bool, k: int, out: Path, as_json: bool) -> None:
    """Describe the workload in events: segments, reuse, drivers.

    Volume, tokens, cost, latency, times of the week, repeats and reusable prefixes by tenant, intent and model, and
    what drives the cost. With --shareable it becomes a file that a team can commit without giving its events away.
    """
    import tempfile

    from tokenop.errors import MisuseError

    if shareable and cluster_method == "semantic":
        raise MisuseError("--shareable writes nothing of prompts: leave --cluster-method semantic out")
    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch:
        profile = make(events, cluster_method == "semantic", k if shareable else None, Path(scratch))
    write(profile, out)
    if as_json:
        import json

        from tokenop.profile.yaml_text import plain

        click.echo(json.dumps(plain(profile), indent=2, ensure_ascii=False))
        return
    _print(profile, out)


def make(events: Path | None, semantic: bool, k: int | None, scratch: Path) -> dict[str, Any]:
    """Return the profile of a log as a document; with `k` the one that can be shared."""
    from tokenop.cli.progress import steps
    from tokenop.database import connect
    from tokenop.planning import inputs
    from tokenop.prices import book as prices
    from tokenop.profile import document

    log = events or inputs.default_log(Path.cwd())
    with steps() as say:
        say("reading prices")
        book = prices.load()
        connection = connect(spill_to=scratch)
        try:
            say("reading events")
            opened = inputs.open_events(connection, book, log, scratch)
            source = document.Source(str(opened.inputs["events_hash"]), book.hash, opened.window, opened.coverage)
            say("profiling")
            if k is not None:
                return document.share(connection, source, k)
            return document.describe(connection, source, semantic=semantic)
        finally:
            connection.close()


def write(profile: dict[str, Any], out: Path) -> None:
    """Write the profile as YAML."""
    from tokenop.files import write_text
    from tokenop.profile.yaml_text import dump

    write_text(out, "# Written by `tokenop profile`. Amounts are US dollars, over the window.\n" + dump(profile))


def _print(profile: dict[str, Any], out: Path) -> None:
    from tokenop.cli.progress import results
    from tokenop.planning.text import marked

    console = results()
    scalars = profile["scalars"]
    if profile["source"]["sample"]:
        console.print("[yellow]SAMPLE DATA: a made-up month, not anybody's bill.[/yellow]")
    if "workload" in profile:
        _print_shared(console, profile, out)
    else:
        _print_segments(console, profile)
        _print_clusters(console, profile["clusters"])
    console.print(f"\n{_summary(scalars)}", soft_wrap=True)
    monthly = scalars["monthly_cost_usd"]
    cost = "cost unknown" if monthly is None else f"${float(monthly):,.2f} a month"
    next_step = f"tokenop plan --workload {out}" if "workload" in profile else "tokenop plan"
    calls = f"{scalars['calls']:,} call{'' if scalars['calls'] == 1 else 's'}"
    console.print(f"{marked(out)}: {calls}, {cost}. Next: {marked(next_step)}", soft_wrap=True)


def _print_segments(console: Console, profile: dict[str, Any]) -> None:
    from rich.table import Table

    from tokenop.planning.text import marked

    table = profile["segments"]["table"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("segment", overflow="fold", min_width=24)
    for name in ("calls", "cost $", "p95 ms", "cached", "repeats", "prefix"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows[:SHOWN]:
        shown.add_row(
            f"{marked(row['intent'])}\n[dim]{marked(row['tenant'])} · {marked(row['model'])}[/dim]",
            f"{row['calls']:,}",
            "unknown" if row["cost_usd"] is None else f"{row['cost_usd']:,.2f}",
            "–" if row["latency_p95_ms"] is None else f"{row['latency_p95_ms']:,.0f}",
            *(_percent(row[name], "–") for name in ("cached_input_share", "repeat_share", "prefix_reuse_5m_share")),
        )
    console.print(shown)
    console.print(
        "cached: input read from a provider's cache · repeats: same prompt within a day · "
        "prefix: input that a five-minute cache could hold",
        style="dim",
    )
    if len(rows) > SHOWN:
        console.print(f"… and {len(rows) - SHOWN:,} more segments in the file")


def _print_clusters(console: Console, clusters: dict[str, Any]) -> None:
    if "note" in clusters:
        console.print(f"\n{clusters['note']}", markup=False)
    if clusters["method"] != "semantic":
        return
    from tokenop.planning.text import marked

    for one in clusters["clusters"][:SHOWN]:
        console.print(
            f"\n[bold]{marked(one['name'])}[/bold]: {one['calls']:,} calls, {_percent(one['share'])} of the cost"
        )
        console.print(f"  {marked(one['representatives'][0]['prompt'])}", soft_wrap=True)
    hits = clusters["share_with_an_earlier_prompt_as_alike"]
    parts = ", ".join(f"{level}: {_percent(share)}" for level, share in hits.items())
    console.print(f"\nprompts at least as alike to an earlier one: {parts}", soft_wrap=True)


def _print_shared(console: Console, profile: dict[str, Any], out: Path) -> None:
    from tokenop.planning.text import marked

    workload = profile["workload"]
    left = workload["suppressed"]
    cells = len(list(workload["cells"].rows))
    console.print(
        f"{cells:,} {'cell' if cells == 1 else 'cells'} of at least {workload['k']} calls. "
        f"Left out, because too few were alike: {left['calls']:,} calls, ${float(left['cost_usd']):,.2f}.",
        soft_wrap=True,
    )
    console.print(
        f"{marked(out)} names providers, models and intents, but no tenant, user, session, id or prompt.",
        soft_wrap=True,
    )


def _summary(scalars: dict[str, Any]) -> str:
    parts = [
        ("input already cached", scalars["cached_input_share"]),
        ("reusable prefix within 5 minutes", scalars["prefix_reuse_share"]),
        ("exact repeats within a day", scalars["repeat_share"]),
        ("batched", scalars["batch_share"]),
        ("tokens with a known cost", scalars["priced_cost_share"]),
    ]
    return ", ".join(f"{name} {_percent(share)}" for name, share in parts)


def _percent(share: float | None, unknown: str = "unknown") -> str:
    return unknown if share is None else f"{share:.1%}"
