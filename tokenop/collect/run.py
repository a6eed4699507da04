"""`tokenop discover`: several collectors → one log, one quarantine, one description; all written, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop import files
from tokenop.collect import dedupe, engine, quarantine, sources
from tokenop.collect.engine import Collected
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options, require_text
from tokenop.collect.stage import Progress
from tokenop.database import quoted
from tokenop.errors import InputError, NoInputError
from tokenop.events.schema import types

if TYPE_CHECKING:
    import duckdb

EVENTS, REJECTED, DISCOVERED = "events.jsonl", "rejected.jsonl", "discovered.yaml"
OUTSIDE = "outside --since and --until"
STATUSES = ("event", "duplicate", "rejected", "filtered")
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
    """The three files that a run writes. `events` may end in `.jsonl` or `.parquet`."""

    events: Path
    rejected: Path
    discovered: Path

    @classmethod
    def at(cls, place: Path) -> Outputs:
        """Return the outputs in the folder `place`, or beside it where it names a `.jsonl` or `.parquet` file."""
        require_text("--out", str(place))
        if place.suffix in (".jsonl", ".parquet") and not place.is_dir():
            return cls(place, place.with_name(REJECTED), place.with_name(DISCOVERED))._checked()
        if place.suffix in _NOT_EVENTS and not place.is_dir():
            raise InputError(f"{place}: events are written as .jsonl or .parquet; name such a file, or a folder")
        if place.exists() and not place.is_dir():
            raise InputError(f"{place}: is a file; name a folder, or an events file ending in .jsonl or .parquet")
        return cls(place / EVENTS, place / REJECTED, place / DISCOVERED)._checked()

    def _checked(self) -> Outputs:
        # Found out later, one of the three would have been written already.
        for path in (self.events, self.rejected, self.discovered):
            if path.is_dir():
                raise InputError(f"{path}: is a folder where a file is to be written; name another place with --out")
        if len({self.events, self.rejected, self.discovered}) < 3:
            raise InputError(f"{self.events}: is where the rejected rows go; name the events file otherwise")
        return self


@dataclass(slots=True)
class Discovery:
    """What a run found. `document` is the content of discovered.yaml, empty where there is no event."""

    rows_in: int
    events: int
    duplicates: int
    rejected: int
    filtered: int
    sources: list[dict[str, Any]]
    rejected_because: dict[str, int] = field(default_factory=dict)
    rejects_shown: list[str] = field(default_factory=list)
    document: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON twin of what is printed."""
        tokens = self.document.get("tokens", {})
        unpriced = self.document.get("coverage", {}).get("prices", {}).get("unpriced_token_share")
        return {
            "events": self.events,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "filtered": self.filtered,
            "rows_in": self.rows_in,
            "rejected_because": self.rejected_because,
            "tokens": tokens,
            "cost_usd": self.document.get("cost", {}).get("total_usd"),
            "priced_share": None if unpriced is None else round(1 - unpriced, 6),
            "window": self.document.get("window"),
            "sources": self.sources,
        }


def discover(
    connection: duckdb.DuckDBPyConnection,
    wanted: Sequence[Source],
    options: Options,
    outputs: Outputs,
    scratch: Path,
    progress: Progress = lambda _: None,
) -> Discovery:
    """Run the collectors and write the outputs. Without a single event only the quarantine is written.

    Raises:
        NoInputError: there is no file, or no row in any file.
        FindingsError, InputError, MisuseError: something cannot be used; nothing is written.
    """
    collected = []
    for number, source in enumerate(sorted(wanted, key=_name)):
        folder = scratch / f"{number}-{source.manifest.name}"
        folder.mkdir()
        leave_out = (outputs.events, outputs.rejected)
        found = sources.find(source.manifest, source.paths, folder, leave_out)
        progress(f"{source.manifest.name}: {len(found)} files")
        if found:
            collected.append(engine.collect(connection, source.manifest, found, options, folder, progress))
    if not collected:
        looked = ", ".join(str(path) for source in wanted for path in source.paths) or "the usual places"
        raise NoInputError(f"no file to read in {looked}")
    settle(connection, collected, options)
    discovery = count(connection, collected)
    if not discovery.rows_in:
        read = sum(part.files for part in collected)
        raise NoInputError(f"not one row in {f'the {read} files' if read > 1 else 'the file'} that was read")
    discovery.rejected_because = quarantine.reasons(connection, "quarantined")
    discovery.rejects_shown = quarantine.sample(connection, "quarantined", _SHOWN_REJECTS)
    by_name = {_name(source): source for source in wanted}
    for described in discovery.sources:
        described |= _configuration(by_name[described["collector"]], options)
    _write(connection, discovery, outputs, progress)
    return discovery


def settle(connection: duckdb.DuckDBPyConnection, collected: Sequence[Collected], options: Options) -> None:
    """Create the view `settled` (all rows with their final `_status`) and the table `quarantined`.

    Here ids become unique over all collectors, and the time window is applied.
    """
    listed = ", ".join(quoted(str(part.rows)) for part in collected)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW collected AS SELECT * EXCLUDE (file_row_number), file_row_number AS _number "
        f"FROM read_parquet([{listed}], file_row_number = true)"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE overruled AS {dedupe.across('collected')}")
    bounds = [
        f"ts {sign} TIMESTAMPTZ {quoted(bound.isoformat())}"
        for sign, bound in (("<", options.since), (">=", options.until))
        if bound
    ]
    outside = f"_status = 'event' AND ({' OR '.join(bounds) or 'false'})"
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW settled AS
        SELECT * REPLACE (
            CASE WHEN {outside} THEN 'filtered' ELSE _status END AS _status,
            CASE WHEN {outside} THEN {quoted(OUTSIDE)} ELSE _filter END AS _filter
        )
        FROM (
            SELECT collected.* REPLACE (
                CASE WHEN overruled._same THEN 'duplicate' WHEN NOT overruled._same THEN 'rejected'
                     ELSE collected._status END AS _status
            )
            FROM collected LEFT JOIN overruled USING (_collector, _number)
        )""")
    early = ", ".join(quoted(str(part.rejected)) for part in collected)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE quarantined AS
        SELECT * FROM read_parquet([{early}])
        UNION ALL
        SELECT _collector, _file, _line, 'id', '{dedupe.RULE}', 'the id ' || id || ' names another call at ' || _where,
            'map a column that is unique, or leave id out to have ids derived', NULL
        FROM overruled JOIN collected USING (_collector, _number, id) WHERE NOT _same""")


def count(connection: duckdb.DuckDBPyConnection, collected: Iterable[Collected]) -> Discovery:
    """Return the counts of what `settle` left, each row of the sources counted exactly once."""
    table = connection.execute("SELECT _collector, _status, count(*) FROM settled GROUP BY ALL").fetchall()
    reasons = connection.execute(
        "SELECT _collector, _filter, count(*) FROM settled WHERE _status = 'filtered' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    zeros = dict(
        connection.execute(
            "SELECT _collector, count(*) FILTER (_zero_cost) FROM settled WHERE _status = 'event' GROUP BY ALL"
        ).fetchall()
    )
    whole = Discovery(0, 0, 0, 0, 0, [])
    for part in collected:
        name = part.manifest.name
        counts = dict.fromkeys(STATUSES, 0) | {status: int(n) for owner, status, n in table if owner == name}
        counts["rejected"] += part.rejected_early
        counts["filtered"] += part.empty
        if sum(counts.values()) != part.rows_in:
            raise RuntimeError(f"{name}: {part.rows_in} rows came in, but {counts} are accounted for")
        left_out = {reason: int(n) for owner, reason, n in reasons if owner == name}
        if part.empty:
            left_out[engine.NO_CALL] = part.empty
        whole.rows_in += part.rows_in
        whole.events += counts["event"]
        whole.duplicates += counts["duplicate"]
        whole.rejected += counts["rejected"]
        whole.filtered += counts["filtered"]
        whole.sources.append(
            {
                "collector": name,
                "title": part.manifest.title,
                "version": part.manifest.version,
                "files": part.files,
                "rows_in": part.rows_in,
                "events": counts["event"],
                "duplicates": counts["duplicate"],
                "rejected": counts["rejected"],
                "filtered": counts["filtered"],
                "filtered_because": left_out,
                "zero_costs_taken_as_unknown": int(zeros.get(name, 0)),
                "columns_taken": dict(part.taken),
            }
        )
    return whole


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


def _write(connection: duckdb.DuckDBPyConnection, discovery: Discovery, outputs: Outputs, progress: Progress) -> None:
    from tokenop.collect import discovered
    from tokenop.events.log import write_log
    from tokenop.prices import book, calls

    with contextlib.ExitStack() as together:
        # The files take their names only when this block ends without an error: all of them, or none.
        rejected = together.enter_context(files.atomic(outputs.rejected))
        quarantine.write(connection, "quarantined", rejected)
        if not discovery.events:
            return
        progress(f"writing {discovery.events:,} events")
        events = together.enter_context(files.atomic(outputs.events))
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW events AS SELECT {', '.join(types())} FROM settled WHERE _status = 'event'"
        )
        log = write_log(connection, "(SELECT * FROM events ORDER BY ts, id)", events)
        progress("pricing and describing what was found")
        coverage = calls.create(connection, book.load())
        discovery.document = discovered.describe(connection, log, discovery.sources, coverage)
        described = together.enter_context(files.atomic(outputs.discovered))
        described.write_text(discovered.render(discovery.document), encoding="utf-8", newline="\n")
