"""What several collectors made of their rows, settled together: unique ids, the time window, each row counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokenop.collect import dedupe, engine
from tokenop.collect.engine import Collected
from tokenop.collect.options import Options
from tokenop.database import quoted
from tokenop.events.schema import EVENT, Record

if TYPE_CHECKING:
    import duckdb

OUTSIDE = "outside --since and --until"
STATUSES = ("event", "duplicate", "rejected", "filtered")


@dataclass(slots=True)
class Discovery:
    """What a run found: rows in = events + records (of usage) + duplicates + rejected + filtered.

    `document` is the content of discovered.yaml, empty where there is no event. `usage`, `inventory` and
    `reconciliation` sum up the other outputs, None where there is none. `redacted` counts changed values by field.
    """

    rows_in: int
    events: int
    duplicates: int
    rejected: int
    filtered: int
    sources: list[dict[str, Any]]
    rejected_because: dict[str, int] = field(default_factory=dict)
    rejects_shown: list[str] = field(default_factory=list)
    document: Mapping[str, Any] = field(default_factory=dict)
    records: int = 0
    usage: list[dict[str, Any]] | None = None
    inventory: dict[str, Any] | None = None
    reconciliation: dict[str, Any] | None = None
    redacted: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON twin of what is printed."""
        tokens = self.document.get("tokens", {})
        unpriced = self.document.get("coverage", {}).get("prices", {}).get("unpriced_token_share")
        others = {"usage": self.usage, "inventory": self.inventory, "reconciliation": self.reconciliation}
        return {
            "events": self.events,
            "records": self.records,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "filtered": self.filtered,
            "rows_in": self.rows_in,
            "rejected_because": self.rejected_because,
            "tokens": tokens,
            "cost_usd": self.document.get("cost", {}).get("total_usd"),
            "priced_share": None if unpriced is None else round(1 - unpriced, 6),
            "window": self.document.get("window"),
            "redacted": dict(sorted(self.redacted.items())),
            "sources": self.sources,
            **{name: value for name, value in others.items() if value is not None},
        }

    def redact(self, counts: Mapping[str, int]) -> None:
        """Add what was redacted somewhere."""
        for name, number in counts.items():
            self.redacted[name] = self.redacted.get(name, 0) + number

    def add(self, other: Discovery) -> None:
        """Add the counts and sources of `other`."""
        self.rows_in += other.rows_in
        self.events += other.events
        self.records += other.records
        self.duplicates += other.duplicates
        self.rejected += other.rejected
        self.filtered += other.filtered
        self.sources += other.sources


def table(name: str, record: Record) -> str:
    """Return the name under which `settle` keeps what `name` means: `settled`, of usage records `settled_usage`."""
    return name if record == EVENT else f"{name}_{record}"


def settle(
    connection: duckdb.DuckDBPyConnection, collected: Sequence[Collected], options: Options, record: Record = EVENT
) -> None:
    """Create the view `settled` (all rows with their final `_status`) and the table `quarantined`.

    Here ids become unique over all collectors, and the time window is applied: to the time of a call, and to the
    period of a record, which must lie in the window as a whole. The names for usage records end in `_usage`.
    """
    whole, overruled, settled, quarantined = (
        table(name, record) for name in ("collected", "overruled", "settled", "quarantined")
    )
    parts = " UNION ALL ".join(engine.relation(connection, part, record) for part in collected)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {whole} AS {parts}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {overruled} AS {dedupe.across(whole, record)}")
    start, end, late = ("ts", "ts", ">=") if record == EVENT else ("period_start", "period_end", ">")
    bounds = [
        f"{column} {sign} TIMESTAMPTZ {quoted(bound.isoformat())}"
        for column, sign, bound in ((start, "<", options.since), (end, late, options.until))
        if bound
    ]
    outside = f"_status = 'event' AND ({' OR '.join(bounds) or 'false'})"
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW {settled} AS
        SELECT * REPLACE (
            CASE WHEN {outside} THEN 'filtered' ELSE _status END AS _status,
            CASE WHEN {outside} THEN {quoted(OUTSIDE)} ELSE _filter END AS _filter
        )
        FROM (
            SELECT part.* REPLACE (
                CASE WHEN other._same THEN 'duplicate' WHEN NOT other._same THEN 'rejected'
                     ELSE part._status END AS _status
            )
            FROM {whole} AS part LEFT JOIN {overruled} AS other USING (_collector, _number)
        )""")
    early = ", ".join(quoted(str(part.rejected)) for part in collected)
    noun = "call" if record == EVENT else "record"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {quarantined} AS
        SELECT * FROM read_parquet([{early}])
        UNION ALL
        SELECT _collector, _file, _line, 'id', '{dedupe.RULE}',
            'the id ' || id || ' names another {noun} at ' || _where,
            'map a column that is unique, or leave id out to have ids derived', NULL
        FROM {overruled} JOIN {whole} USING (_collector, _number, id) WHERE NOT _same""")


def count(connection: duckdb.DuckDBPyConnection, collected: Iterable[Collected], record: Record = EVENT) -> Discovery:
    """Return the counts of what `settle` left, each row of the sources counted exactly once."""
    settled = table("settled", record)
    statuses = connection.execute(f"SELECT _collector, _status, count(*) FROM {settled} GROUP BY ALL").fetchall()
    reasons = connection.execute(
        f"SELECT _collector, _filter, count(*) FROM {settled} WHERE _status = 'filtered' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    zeros = dict(
        connection.execute(
            f"SELECT _collector, count(*) FILTER (_zero_cost) FROM {settled} WHERE _status = 'event' GROUP BY ALL"
        ).fetchall()
    )
    whole = Discovery(0, 0, 0, 0, 0, [])
    for part in collected:
        name = part.manifest.name
        counts = dict.fromkeys(STATUSES, 0) | {status: int(n) for owner, status, n in statuses if owner == name}
        counts["rejected"] += part.rejected_early
        counts["filtered"] += part.empty
        if sum(counts.values()) != part.rows_in:
            raise RuntimeError(f"{name}: {part.rows_in} rows came in, but {counts} are accounted for")
        left_out = {reason: int(n) for owner, reason, n in reasons if owner == name}
        if part.empty:
            left_out[engine.NO_CALL if record == EVENT else "holds no record"] = part.empty
        events, records = (counts["event"], 0) if record == EVENT else (0, counts["event"])
        described = {
            "collector": name,
            "title": part.manifest.title,
            "version": part.manifest.version,
            "files": part.files,
            "rows_in": part.rows_in,
            "events": events,
            **({} if record == EVENT else {"kind": "usage", "records": records}),
            "duplicates": counts["duplicate"],
            "rejected": counts["rejected"],
            "filtered": counts["filtered"],
            "filtered_because": left_out,
            "zero_costs_taken_as_unknown": int(zeros.get(name, 0)),
            "columns_taken": dict(part.taken),
        }
        whole.add(
            Discovery(
                part.rows_in, events, counts["duplicate"], counts["rejected"], counts["filtered"], [described],
                records=records,
            )
        )  # fmt: skip
    return whole
