"""`tokenop discover`: several collectors → a log of calls, usage records, an inventory, a quarantine, a description.

All of them are written, or none. Calls and aggregates never mix: what a vendor sums up is no call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop import files
from tokenop.collect import engine, privacy, quarantine, sources, usage
from tokenop.collect.engine import Collected
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options, require_text
from tokenop.collect.settling import Discovery, count, settle, table
from tokenop.collect.sources import SourceFile
from tokenop.collect.stage import Progress
from tokenop.errors import InputError, NoInputError
from tokenop.events.schema import EVENT, USAGE, types

if TYPE_CHECKING:
    import duckdb

    from tokenop.inventory import Inventory

EVENTS, REJECTED, DISCOVERED = "events.jsonl", "rejected.jsonl", "discovered.yaml"
USAGE_FILE, INVENTORY_FILE = "usage.jsonl", "inventory.yaml"
_SHOWN_REJECTS = 5
# Names that surely mean a file, of a format in which no log is written.
_NOT_EVENTS = (".json", ".csv", ".tsv", ".yaml", ".yml", ".gz", ".ndjson")


@dataclass(frozen=True, slots=True)
class Source:
    """One collector and where it shall look."""

    manifest: Manifest
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that a run writes, each only where there is something to write. `events` may end in `.parquet`."""

    events: Path
    rejected: Path
    discovered: Path
    usage: Path
    inventory: Path

    @classmethod
    def at(cls, place: Path) -> Outputs:
        """Return the outputs in the folder `place`, or beside it where it names a `.jsonl` or `.parquet` file."""
        require_text("--out", str(place))
        if place.suffix in (".jsonl", ".parquet") and not place.is_dir():
            return cls._in(place.parent, place)
        if place.suffix in _NOT_EVENTS and not place.is_dir():
            raise InputError(f"{place}: events are written as .jsonl or .parquet; name such a file, or a folder")
        if place.exists() and not place.is_dir():
            raise InputError(f"{place}: is a file; name a folder, or an events file ending in .jsonl or .parquet")
        return cls._in(place, place / EVENTS)

    @classmethod
    def _in(cls, folder: Path, events: Path) -> Outputs:
        others = [folder / name for name in (REJECTED, DISCOVERED, USAGE_FILE, INVENTORY_FILE)]
        # Found out later, one of them would have been written already.
        for path in (events, *others):
            if path.is_dir():
                raise InputError(f"{path}: is a folder where a file is to be written; name another place with --out")
        if events in others:
            what = "the rejected rows go" if events.name == REJECTED else "usage records go"
            raise InputError(f"{events}: is where {what}; name the events file otherwise")
        return cls(events, *others)


@dataclass(slots=True)
class _Found:
    """What the collectors of a run made of their files, by kind."""

    events: list[Collected] = field(default_factory=list)
    usage: list[Collected] = field(default_factory=list)
    inventory: Inventory | None = None
    files: int = 0


def discover(
    connection: duckdb.DuckDBPyConnection,
    wanted: Sequence[Source],
    options: Options,
    outputs: Outputs,
    scratch: Path,
    progress: Progress = lambda _: None,
) -> Discovery:
    """Run the collectors and write the outputs. Without event, record or inventory only the quarantine is written.

    Raises:
        NoInputError: there is no file, or no row in any file.
        FindingsError, InputError, MisuseError: something cannot be used; nothing is written.
    """
    inventories: dict[str, list[SourceFile]] = {}
    found = _Found()
    for number, source in enumerate(sorted(wanted, key=_name)):
        folder = scratch / f"{number}-{source.manifest.name}"
        folder.mkdir()
        leave_out = (outputs.events, outputs.rejected, outputs.usage, outputs.inventory, outputs.discovered)
        files_here = sources.find(source.manifest, source.paths, folder, leave_out)
        found.files += len(files_here)
        progress(f"{source.manifest.name}: {len(files_here)} files")
        if not files_here:
            continue
        if source.manifest.kind == "inventory":
            inventories[source.manifest.name] = files_here
        elif source.manifest.kind == "usage":
            found.usage.append(usage.collect(connection, source.manifest, files_here, options, folder, progress))
        else:
            found.events.append(engine.collect(connection, source.manifest, files_here, options, folder, progress))
    if not found.files:
        looked = ", ".join(str(path) for source in wanted for path in source.paths) or "the usual places"
        raise NoInputError(f"no file to read in {looked}")
    discovery = _settle_all(connection, found, options)
    by_name = {_name(source): source for source in wanted}
    if inventories:
        _take_stock(found, discovery, inventories, by_name, options)
    if not discovery.rows_in:
        raise NoInputError(
            f"not one row in {f'the {found.files} files' if found.files > 1 else 'the file'} that was read"
        )
    for described in discovery.sources:
        described |= _configuration(by_name[described["collector"]], options)
        privacy.described(connection, described, options)
    _write(connection, discovery, found, outputs, options, progress)
    return discovery


def _settle_all(connection: duckdb.DuckDBPyConnection, found: _Found, options: Options) -> Discovery:
    """Settle and count calls and records; create the view `refused` of all that was rejected."""
    discovery = Discovery(0, 0, 0, 0, 0, [])
    refused = []
    for record, parts in ((EVENT, found.events), (USAGE, found.usage)):
        if parts:
            settle(connection, parts, options, record)
            discovery.add(count(connection, parts, record))
            discovery.redact(privacy.quarantined(connection, table("quarantined", record), options))
            refused.append(f"SELECT * FROM {table('quarantined', record)}")
    discovery.sources.sort(key=lambda source: str(source["collector"]))
    if refused:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW refused AS {' UNION ALL '.join(refused)}")
        discovery.rejected_because = quarantine.reasons(connection, "refused")
        discovery.rejects_shown = quarantine.sample(connection, "refused", _SHOWN_REJECTS)
    return discovery


def _take_stock(
    found: _Found,
    discovery: Discovery,
    inventories: Mapping[str, Sequence[SourceFile]],
    by_name: Mapping[str, Source],
    options: Options,
) -> None:
    """Collect the inventory. Its rows are resources: rows in = listed + filtered."""
    from tokenop import inventory

    for name, files_here in inventories.items():
        manifest = by_name[name].manifest
        stock = inventory.collect(files_here, settings=manifest.values(options.settings))
        # There is one collector of this kind; a second one would need a way to join what two of them say.
        found.inventory = stock
        counts = stock.counts
        because: dict[str, int] = {}
        for entry in stock.skipped:
            because[entry.reason] = because.get(entry.reason, 0) + entry.resources
        discovery.rows_in += counts["rows_in"]
        discovery.filtered += counts["skipped"]
        discovery.inventory = {
            **{key: counts[key] for key in ("listed", "resources", "deletions", "unpriced")},
            "monthly_usd": None if stock.totals.monthly_usd is None else float(stock.totals.monthly_usd),
        }
        discovery.sources.append(
            {
                "collector": name,
                "title": manifest.title,
                "version": manifest.version,
                "files": len(files_here),
                "rows_in": counts["rows_in"],
                "events": 0,
                "kind": "inventory",
                "resources": counts["listed"],
                "duplicates": 0,
                "rejected": 0,
                "filtered": counts["skipped"],
                "filtered_because": because,
                "zero_costs_taken_as_unknown": 0,
                "columns_taken": {},
            }
        )


def _name(source: Source) -> str:
    return source.manifest.name


def _configuration(source: Source, options: Options) -> dict[str, Any]:
    """Return how a source was read: what someone needs to read it so again."""
    home = str(Path.home())
    paths = [str(path) for path in source.paths]
    values = source.manifest.values(options.settings)
    said: dict[str, Any] = {
        # The description is shared more readily than the events: a home folder names its owner.
        "paths": [f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path for path in paths],
        "settings": {s.name: values[s.name] for s in source.manifest.settings if values[s.name] != s.default},
        "map": dict(options.maps) if source.manifest.mappable else {},
        "set": dict(options.constants),
        "tz": options.zone,
        "epoch": f"{options.epoch.unit}@{options.epoch.start.isoformat()}" if options.epoch else None,
        "since": options.since.isoformat() if options.since else None,
        "until": options.until.isoformat() if options.until else None,
    }
    return {name: value for name, value in said.items() if value}


def _write(
    connection: duckdb.DuckDBPyConnection,
    discovery: Discovery,
    found: _Found,
    outputs: Outputs,
    options: Options,
    progress: Progress,
) -> None:
    with contextlib.ExitStack() as together:
        # The files take their names only when this block ends without an error: all of them, or none.
        if found.events or found.usage:
            rejected = together.enter_context(files.atomic(outputs.rejected))
            quarantine.write(connection, "refused", rejected)
        if found.inventory:
            target = together.enter_context(files.atomic(outputs.inventory))
            stock = privacy.document(connection, found.inventory.yaml)
            discovery.redact(stock.counts)
            target.write_text(stock.clean, encoding="utf-8", newline="\n")
        if discovery.records:
            progress(f"writing {discovery.records:,} usage records")
            _write_usage(connection, discovery, together.enter_context(files.atomic(outputs.usage)), options)
        if discovery.events:
            _write_events(connection, discovery, outputs, together, options, progress)


def _write_usage(connection: duckdb.DuckDBPyConnection, discovery: Discovery, target: Path, options: Options) -> None:
    from tokenop.collect import reconcile
    from tokenop.events.usage import write_usage

    fit = privacy.records(connection, table("settled", USAGE), table("collected", USAGE), USAGE, options)
    discovery.redact(fit.counts)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW usage AS SELECT {', '.join(types(USAGE))} FROM {fit.clean}")
    write_usage(connection, "usage", target)
    discovery.usage = reconcile.summary(connection)


def _write_events(
    connection: duckdb.DuckDBPyConnection,
    discovery: Discovery,
    outputs: Outputs,
    together: contextlib.ExitStack,
    options: Options,
    progress: Progress,
) -> None:
    from tokenop.collect import discovered, reconcile
    from tokenop.events.log import write_log
    from tokenop.prices import book, calls

    progress(f"writing {discovery.events:,} events")
    events = together.enter_context(files.atomic(outputs.events))
    fit = privacy.records(connection, "settled", "collected", EVENT, options)
    discovery.redact(fit.counts)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS SELECT {', '.join(types())} FROM {fit.clean}")
    log = write_log(connection, "events", events)
    progress("pricing and describing what was found")
    prices = book.load()
    coverage = calls.create(connection, prices)
    document = discovered.describe(connection, log, discovery.sources, coverage)
    if discovery.records:
        discovery.reconciliation = reconcile.brief(reconcile.compare(connection, prices))
    document |= {
        name: value
        for name, value in (("usage", discovery.usage), ("inventory", discovery.inventory))
        if value is not None
    }
    if discovery.reconciliation is not None:
        document["reconciliation"] = discovery.reconciliation
    document["next"] = document.pop("next")
    discovery.document = document
    described = together.enter_context(files.atomic(outputs.discovered))
    described.write_text(discovered.render(document), encoding="utf-8", newline="\n")
