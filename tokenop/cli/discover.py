"""`tokenop discover`."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import MisuseError, NoInputError, TokenOpError

if TYPE_CHECKING:
    from tokenop.collect.options import Options
    from tokenop.collect.pseudonyms import Key
    from tokenop.collect.run import Outputs, Source
    from tokenop.collect.settling import Discovery

EPILOG = """\b
Examples:
  tokenop discover                                    what is found on this machine and in this folder
  tokenop discover --list                             only say what that is
  tokenop discover spend.jsonl state.json             files, each read by the collector that recognises it
  tokenop discover --collectors claude-code
  tokenop discover --input calls.csv --tz UTC --map ts=TIMESTAMP \\
      --map input_tokens=ContextTokens --map output_tokens=GeneratedTokens
  tokenop discover --input calls.jsonl --epoch s --map model=properties.main_model --set tenant=support
  tokenop discover --collectors manual,claude-code --input manual=calls.csv --out runs/march
  tokenop discover --collectors ./acme-gateway --input calls.jsonl     a collector of your own

\b
Writes into --out:
  events.jsonl      one call a line; events.parquet where --out names such a file
  rejected.jsonl    each row that could not become an event, with file, line, reason and fix
  discovered.yaml   models, tokens, cost, drivers, anomalies, where to look first
  usage.jsonl       what vendors say they counted and billed, where such a source was read
  inventory.yaml    GPU and inference capacity, where Terraform was read

Rows in = events + usage records + duplicates + rejected + filtered. Exit code 0 where something was found, 1 where all
rows were rejected, 3 where there was nothing to read. docs: collectors/README.md, collectors/manual/README.md
"""


@click.command(short_help="Turn usage data into events and say what was found.", epilog=EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--collectors", "names", multiple=True, metavar="A,B",
    help="Collectors to run, or folders of your own. `tokenop collectors list` shows them.",
)  # fmt: skip
@click.option(
    "--input", "--input-dir", "inputs", multiple=True, metavar="[COLLECTOR=]PATH",
    help="File or folder to read instead of the usual places. Repeatable. Without --collectors: any table of calls.",
)  # fmt: skip
@click.option(
    "--map", "maps", multiple=True, metavar="FIELD=COLUMN",
    help="Which column, or path such as properties.main_model, is a field of the event. Repeatable.",
)  # fmt: skip
@click.option(
    "--set", "constants", multiple=True, metavar="FIELD=CONSTANT", help="A field's value for all rows. Repeatable."
)
@click.option("--tz", "zone", metavar="ZONE", help="Zone of times that have none: UTC, Europe/Berlin, +02:00.")
@click.option("--epoch", metavar="s|ms[@START]", help="Times are numbers, counted from 1970 or from START.")
@click.option("--since", metavar="T", help="Leave out calls before this time (2026-01-31 or RFC 3339).")
@click.option("--until", metavar="T", help="Leave out calls at or after this time.")
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of a collector. Repeatable."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), metavar="DIR|FILE",
    help="Folder for the files, or the events file itself (.jsonl or .parquet). Default: here.",
)  # fmt: skip
@click.option(
    "--pseudonymise", is_flag=True,
    help="Write a keyed hash for each user_id; the key is TOKENOP_PSEUDONYM_KEY or a file in TOKENOP_HOME.",
)  # fmt: skip
@click.option("--list", "--dry-run", "only_list", is_flag=True, help="Say what would be read, and read nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    files: Sequence[Path],
    names: Sequence[str],
    inputs: Sequence[str],
    maps: Sequence[str],
    constants: Sequence[str],
    zone: str | None,
    epoch: str | None,
    since: str | None,
    until: str | None,
    settings: Sequence[str],
    out: Path,
    pseudonymise: bool,
    only_list: bool,
    as_json: bool,
) -> None:
    """Turn usage data into events and say what was found.

    Reads what collectors know how to read (transcripts, traces, any table of calls), brings it to one form, and
    writes a log of calls that the other commands work on. Without arguments: what lies at the usual places of all
    collectors (Claude Code, Codex, extracts) and files in this folder that one recognises. Secrets and e-mail
    addresses in texts are redacted before anything is written. Nothing leaves this machine.
    """
    from tokenop.cli import choosing
    from tokenop.collect import options as parsing
    from tokenop.collect import run

    options = parsing.parse(maps, constants, zone, epoch, since, until, settings)
    outputs = run.Outputs.at(out)
    written = (outputs.events, outputs.rejected, outputs.usage, outputs.inventory, outputs.discovered)
    chosen = choosing.choose(",".join(names) or None, inputs, files, written)
    _check(chosen.sources, options)
    described = choosing.describe(chosen)
    for note in chosen.notes:
        click.echo(f"note: {note}", err=True)
    if only_list:
        shown = [json.dumps({"found": described}, indent=2)] if as_json else choosing.lines(described, "found")
        click.echo("\n".join(shown))
        return
    if pseudonymise:
        options = replace(options, key=_key())
    for line in choosing.lines(described, "reading"):
        click.echo(line, err=True)
    _run(ctx, chosen.sources, options, outputs, as_json)


def _run(ctx: click.Context, sources: Sequence[Source], options: Options, outputs: Outputs, as_json: bool) -> None:
    """Run the collectors, write the outputs, print what was found."""
    from tokenop import database
    from tokenop.collect import privacy, run

    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch, _progress() as progress:
        connection = database.connect(spill_to=Path(scratch))
        try:
            found = run.discover(connection, sources, options, outputs, Path(scratch), progress)
        except TokenOpError as error:
            raise privacy.error(error) from error
        finally:
            connection.close()
    _notes(found, outputs)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, default=str))
    elif found.events or found.records or found.inventory:
        _print(found, outputs)
    if not (found.events or found.records or found.inventory):
        if found.rejected:
            ctx.exit(1)
        raise NoInputError(f"{found.rows_in:,} rows, but no call and no usage among them: {_reasons(found)}")


def _check(sources: Sequence[Source], options: Options) -> None:
    """Refuse options that no chosen collector would look at."""
    from tokenop.collect.options import nearest

    if options.maps and not any(source.manifest.mappable for source in sources):
        raise MisuseError(
            "--map works with the collector `manual`; the others know their columns. Use --set, or --setting"
        )
    known = {setting.name for source in sources for setting in source.manifest.settings}
    known |= {f"{s.manifest.name}.{setting.name}" for s in sources for setting in s.manifest.settings}
    for name in options.settings:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise MisuseError(f"--setting {name}: is not a setting here{nearest(name, known)}; there are: {listed}")
    for source in sources:
        values = source.manifest.values(options.settings)
        for setting in source.manifest.settings:
            if setting.choices and values[setting.name] not in setting.choices:
                allowed = " or ".join(setting.choices)
                raise MisuseError(f"--setting {setting.name}={values[setting.name]}: must be {allowed}")


def _key() -> Key:
    """Return the key of pseudonyms, and say where it is; never what it is."""
    from tokenop.collect import pseudonyms

    key = pseudonyms.find()
    made = "a new key, now in" if key.new else "the key in"
    click.echo(f"pseudonyms are made with {made} {key.source}; keep it, or users get other names", err=True)
    return key


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows what is being done; silent unless people watch."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("reading") as status:
        yield lambda text: status.update(escape(text))


def _notes(found: Discovery, outputs: Outputs) -> None:
    """Say on stderr what was decided without being asked, and what was refused."""
    for source in found.sources:
        for name, column in source["columns_taken"].items():
            click.echo(f"note: took {column} as {name}", err=True)
        zeros = source["zero_costs_taken_as_unknown"]
        if zeros:
            click.echo(
                f"note: {zeros:,} calls record a cost of 0 although they used tokens: taken as unknown "
                "(--setting zero_cost=free keeps them)",
                err=True,
            )
    nameless = sum(
        model["calls"] for model in found.document.get("models", ()) if "unknown" in (model["provider"], model["model"])
    )
    unpriced = found.document.get("cost", {}).get("unpriced_calls", 0)
    if nameless and unpriced:
        click.echo(
            f"note: {nameless:,} calls name no provider or model; where you know them, --set provider=… --set model=… "
            "lets them be priced",
            err=True,
        )
    if found.redacted:
        changed = ", ".join(f"{count:,} × {name}" for name, count in sorted(found.redacted.items()))
        click.echo(f"note: redacted secrets or personal data in {changed}", err=True)
    if found.rejected:
        click.echo(f"{found.rejected:,} of {found.rows_in:,} rows were rejected:", err=True)
        for line in found.rejects_shown:
            click.echo(f"  {line}", err=True)
        if found.rejected > len(found.rejects_shown):
            rules = ", ".join(f"{rule} {count:,}" for rule, count in found.rejected_because.items())
            click.echo(f"  … by rule: {rules}", err=True)
        click.echo(f"All of them, with reason and fix: {outputs.rejected}", err=True)


def _reasons(found: Discovery) -> str:
    reasons = [
        f"{reason} ({count:,})" for source in found.sources for reason, count in source["filtered_because"].items()
    ]
    return "; ".join(reasons) or "all are duplicates"


def _print(found: Discovery, outputs: Outputs) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("collector", no_wrap=True)
    headings = ["files", "rows in", "events", "duplicates", "rejected", "filtered"]
    keys = ["files", "rows_in", "events", "duplicates", "rejected", "filtered"]
    for key in ("records", "resources"):
        if any(key in source for source in found.sources):
            headings.insert(3, key)
            keys.insert(3, key)
    for heading in headings:
        table.add_column(heading, justify="right")
    for source in found.sources:
        table.add_row(source["collector"], *(f"{source.get(key, 0):,}" for key in keys))
    console.print(table)
    say = partial(console.print, markup=False)  # a path may look like markup
    _print_inventory(found, outputs, say)
    _print_usage(found, outputs, say)
    if found.events:
        _print_events(found, outputs, say)


def _print_events(found: Discovery, outputs: Outputs, say: Callable[[str], None]) -> None:
    result = found.as_dict()
    tokens = {name: count for name, count in result["tokens"].items() if name != "calls_without_token_counts" and count}
    say("tokens: " + (", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in tokens.items()) or "unknown"))
    cost, share = result["cost_usd"], result["priced_share"]
    money = "of unknown cost" if cost is None else f"for ${cost:,.{2 if cost == 0 or cost >= 1 else 6}f}"
    covered = "" if share is None else f" ({share:.1%} of the tokens have a price)"
    calls = "1 call" if found.events == 1 else f"{found.events:,} calls"
    say(f"\n{calls} {money}{covered}, written to {outputs.events} and {outputs.discovered}")
    default = outputs.events == Path("events.jsonl")
    say(f"Next: tokenop plan{'' if default else f' --events {shlex.quote(str(outputs.events))}'}")


def _print_usage(found: Discovery, outputs: Outputs, say: Callable[[str], None]) -> None:
    if not found.records:
        return
    sums: dict[tuple[str, str], float] = {}
    for entry in found.usage or ():
        if entry["cost"] is not None:
            named = (entry["currency"], entry["cost_kind"])
            sums[named] = sums.get(named, 0) + entry["cost"]
    money = ", ".join(f"{currency} {cost:,.2f} {kind}" for (currency, kind), cost in sorted(sums.items()))
    records = "1 usage record" if found.records == 1 else f"{found.records:,} usage records"
    say(f"\n{records}: {money or 'of unknown cost'}, written to {outputs.usage}")
    total = (found.reconciliation or {}).get("total", {})
    if total.get("difference_usd") is not None:
        say(
            f"For the same time the log says ${total['log_usd']:,.2f} and the bill ${total['bill_usd']:,.2f}: "
            f"a difference of {_signed(total['difference_usd'])}"
        )
    default = outputs.usage == Path("usage.jsonl") and outputs.events == Path("events.jsonl")
    options = f" --events {shlex.quote(str(outputs.events))} --usage {shlex.quote(str(outputs.usage))}"
    if found.events or Path(outputs.events).exists():
        say(f"Next: tokenop reconcile{'' if default else options}")
    else:
        say("Next: tokenop discover with a source of calls, then tokenop reconcile")


def _signed(amount: float) -> str:
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.2f}"


def _print_inventory(found: Discovery, outputs: Outputs, say: Callable[[str], None]) -> None:
    if found.inventory is None:
        return
    cost, unpriced = found.inventory["monthly_usd"], found.inventory["unpriced"]
    money = "of unknown cost" if cost is None else f"for ${cost:,.2f} a month"
    lacking = f" ({unpriced:,} without a known price)" if unpriced and cost is not None else ""
    resources = found.inventory["resources"]
    noun = "1 resource" if resources == 1 else f"{resources:,} resources"
    say(f"\n{noun} of GPU or inference capacity {money}{lacking}, written to {outputs.inventory}")
    if not found.events:
        say("Next: tokenop discover with a source of calls, then tokenop plan")
