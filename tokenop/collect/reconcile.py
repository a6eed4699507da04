"""Holding the log of calls against what vendors say they counted and billed.

Both sides are compared only for the time that both know. That is worked out by provider and by measure, because a
vendor's reports of requests, tokens and cost are different ones and may cover different days. Of several sources that
tell the same of a provider one is compared, so that nothing counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from tokenop.collect.discovered_figures import TIME, Row, exact_usd, row, rows
from tokenop.database import quoted
from tokenop.prices.names import canonical_provider

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook

By = Literal["total", "month", "day"]
# A cost on an invoice says more than one of a price list, and that more than an estimate.
KINDS = ("billed", "effective", "list", "estimated")
# Measure → which fields of a record tell of it.
MEASURES = {
    "requests": "request_count IS NOT NULL",
    "tokens": "input_tokens IS NOT NULL OR output_tokens IS NOT NULL",
    "cost": "cost IS NOT NULL AND upper(currency) = 'USD'",
}
FIELDS = ("requests", "input_tokens", "output_tokens", "cost_usd")
_MEASURE = dict(zip(FIELDS, ("requests", "tokens", "tokens", "cost"), strict=True))
LONGER = "longer than one"
_ROUTE = re.compile(
    r"^((regional|global|us|eu|apac|jp|au)\.)?((anthropic|amazon|meta|mistral|cohere|openai|deepseek)\.)?"
)
_REVISION = re.compile(r"-v\d+(:\d+)?$")
_RELEASE = re.compile(r"[-@](20\d{6}|20\d\d-\d\d-\d\d)$")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Both sides: by provider, by provider and model and period, and as a whole; what could not be compared in `notes`.

    A difference is log − bill: below 0 the log lacks something. A coverage is log / bill.
    """

    by: By
    log: Row
    providers: tuple[Row, ...]
    rows: tuple[Row, ...]
    total: Row
    notes: tuple[str, ...]

    def as_dict(self) -> Row:
        """Return it as JSON-ready fields."""
        return {
            "by": self.by,
            "log": self.log,
            "providers": list(self.providers),
            "rows": list(self.rows),
            "total": self.total,
            "notes": list(self.notes),
        }


def brief(found: Reconciliation) -> Row:
    """Return what discovered.yaml says: the whole, and each provider."""
    return {"total": found.total, "providers": list(found.providers), "notes": list(found.notes)}


def compare(
    connection: duckdb.DuckDBPyConnection,
    prices: PriceBook,
    by: By = "month",
    calls: str = "calls",
    usage: str = "usage",
) -> Reconciliation:
    """Compare the relation `calls`, as `tokenop.prices.calls.create` makes it, with the usage records `usage`."""
    _names(connection, prices, calls, usage)
    _sides(connection, by, calls, usage)
    _choose(connection)
    _overlap(connection)
    cells = rows(connection, _cells())
    by_provider: dict[str, list[Row]] = {}
    for cell in cells:
        by_provider.setdefault(str(cell["provider"]), []).append(cell)
    chosen = _chosen(connection)
    providers = tuple(
        {"provider": name, "compared": chosen.get(name, {}), **_sides_of(_added(group))}
        for name, group in by_provider.items()
    )
    told = tuple({"provider": c["provider"], "model": c["model"], "period": c["period"], **_sides_of(c)} for c in cells)
    log = row(
        connection,
        f"SELECT strftime(min(ts), '{TIME}') AS first, strftime(max(ts), '{TIME}') AS last, sum(n)::HUGEINT AS calls "
        "FROM reconcile_calls",
    )
    window = {"from": log["first"], "until": log["last"], "calls": int(log["calls"] or 0)}
    return Reconciliation(by, window, providers, told, _total(providers), tuple(_notes(connection)))


def summary(connection: duckdb.DuckDBPyConnection, usage: str = "usage") -> list[Row]:
    """Return what the usage records hold, by source, provider, currency and kind of cost."""
    found = rows(
        connection,
        f"""SELECT source, provider, count(*) AS records, strftime(min(period_start), '{TIME}') AS first,
          strftime(max(period_end), '{TIME}') AS last, sum(request_count)::HUGEINT AS requests,
          sum(input_tokens)::HUGEINT AS input_tokens, sum(output_tokens)::HUGEINT AS output_tokens,
          sum(cost) AS cost, currency, cost_kind
        FROM {usage} GROUP BY source, provider, currency, cost_kind ORDER BY ALL""",
    )
    return [
        {
            "source": entry["source"],
            "provider": entry["provider"],
            "records": int(entry["records"]),
            "from": entry["first"],
            "until": entry["last"],
            **{name: _whole(entry[name]) for name in ("requests", "input_tokens", "output_tokens")},
            "cost": exact_usd(entry["cost"]),
            "currency": entry["currency"],
            "cost_kind": entry["cost_kind"],
        }
        for entry in found
    ]


def _names(connection: duckdb.DuckDBPyConnection, prices: PriceBook, calls: str, usage: str) -> None:
    """Create the table `reconcile_names`: one name of provider and model for all their spellings on both sides."""
    pairs = connection.execute(
        f"SELECT DISTINCT provider, model FROM {calls} UNION SELECT DISTINCT provider, model FROM {usage} ORDER BY ALL"
    ).fetchall()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE reconcile_names "
        "(provider VARCHAR, model VARCHAR, known_provider VARCHAR, known_model VARCHAR)"
    )
    for provider, model in pairs:
        key = prices.resolve(provider or "", model or "") if model else None
        biller = key.provider if key else canonical_provider(provider) or provider.lower()
        named = (biller, None if model is None else plain_model(key.model if key else model))
        connection.execute("INSERT INTO reconcile_names VALUES (?, ?, ?, ?)", [provider, model, *named])


def plain_model(model: str) -> str:
    """Return a model's name without what only one of log and bill says: maker, route, release date, revision."""
    name = model.strip().lower().rpartition("/")[2]
    name = _ROUTE.sub("", name)
    name = _REVISION.sub("", name)
    return _RELEASE.sub("", name) or model


def _sides(connection: duckdb.DuckDBPyConnection, by: By, calls: str, usage: str) -> None:
    """Create `reconcile_calls` and `reconcile_records`: both sides under one name, with the period of each row."""
    start, longer = "NULL", "false"
    if by != "total":
        start = f"date_trunc('{by}', %s)"
        longer = f"period_end > date_trunc('{by}', period_start) + INTERVAL 1 {by.upper()}"
    form = "%Y-%m-%d" if by == "day" else "%Y-%m"
    period = f"strftime({start}, '{form}')" if by != "total" else "NULL"
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW reconcile_calls AS
        SELECT names.known_provider AS provider, names.known_model AS model, ts, n, cost,
            (t_uncached::HUGEINT + t_read + t_write_5m + t_write_1h) AS input_tokens, t_output AS output_tokens,
            {period.replace("%s", "ts")} AS period
        FROM {calls} AS call JOIN reconcile_names AS names
            ON call.provider = names.provider AND call.model IS NOT DISTINCT FROM names.model""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE reconcile_records AS
        SELECT names.known_provider AS provider, names.known_model AS model, record.* EXCLUDE (provider, model),
            split_part(record.source, '/', 1) AS collector,
            CASE WHEN {longer} THEN {quoted(f"{LONGER} {by}")} ELSE {period.replace("%s", "period_start")} END AS period
        FROM {usage} AS record JOIN reconcile_names AS names
            ON record.provider = names.provider AND record.model IS NOT DISTINCT FROM names.model""")


def _choose(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `reconcile_chosen`: by provider and measure the one collector and kind of cost that is compared."""
    kind = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(KINDS))
    sizes = {"requests": "sum(request_count)", "tokens": "sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))"}
    parts = [
        f"""SELECT provider, '{measure}' AS measure, collector, {"cost_kind" if measure == "cost" else "NULL"} AS kind,
            {f"CASE cost_kind {kind} ELSE 9 END" if measure == "cost" else "0"} AS place,
            {sizes.get(measure, "sum(cost)")}::DOUBLE AS size,
            min(period_start) AS first, max(period_end) AS last,
            max(epoch(period_end) - epoch(period_start)) >= 86400 AS daily
        FROM reconcile_records WHERE {condition} GROUP BY ALL"""
        for measure, condition in MEASURES.items()
    ]
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE reconcile_offers AS
        SELECT *, row_number() OVER (PARTITION BY provider, measure ORDER BY place, size DESC, collector) = 1 AS chosen
        FROM ({" UNION ALL ".join(parts)})""")


def _overlap(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `reconcile_windows`: by provider and measure the time that both sides know.

    A log's first and last calls do not say when logging began and ended: its window is widened to whole days or hours,
    as the bill counts.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE reconcile_windows AS
        WITH log AS (SELECT min(ts) AS first, max(ts) AS last FROM reconcile_calls),
        widened AS (
            SELECT offer.*,
                date_trunc(CASE WHEN daily THEN 'day' ELSE 'hour' END, log.first) AS log_start,
                date_trunc(CASE WHEN daily THEN 'day' ELSE 'hour' END, log.last)
                    + CASE WHEN daily THEN INTERVAL 1 DAY ELSE INTERVAL 1 HOUR END AS log_end
            FROM reconcile_offers AS offer, log WHERE chosen
        )
        SELECT provider, measure, collector, kind, greatest(first, log_start) AS since, least(last, log_end) AS until
        FROM widened""")


def _cells() -> str:
    """Return the SELECT of both sides by provider, model and period; what one side does not know is NULL."""
    log = [
        f"""SELECT call.provider, call.model, call.period, {_only(field, value)}
        FROM reconcile_calls AS call JOIN reconcile_windows AS seen
            ON call.provider = seen.provider AND seen.measure = '{_MEASURE[field]}'
            AND call.ts >= seen.since AND call.ts < seen.until
        GROUP BY ALL"""
        for field, value in (
            ("requests", "sum(n)::HUGEINT"),
            ("input_tokens", "sum(call.input_tokens)::HUGEINT"),
            ("output_tokens", "sum(call.output_tokens)::HUGEINT"),
            ("cost_usd", "sum(call.cost)"),
        )
    ]
    bill = [
        f"""SELECT record.provider, record.model, record.period, {_only(field, value)}
        FROM reconcile_records AS record JOIN reconcile_windows AS seen
            ON record.provider = seen.provider AND seen.measure = '{_MEASURE[field]}'
            AND record.collector = seen.collector AND record.period_start >= seen.since
            AND record.period_end <= seen.until AND {_of_kind(field)}
        WHERE {MEASURES[_MEASURE[field]]} GROUP BY ALL"""
        for field, value in (
            ("requests", "sum(request_count)::HUGEINT"),
            ("input_tokens", "sum(record.input_tokens)::HUGEINT"),
            ("output_tokens", "sum(record.output_tokens)::HUGEINT"),
            ("cost_usd", "sum(record.cost)"),
        )
    ]
    summed = ", ".join(f"sum({field}) AS {field}" for field in FIELDS)
    sides = [
        f"SELECT provider, model, period, {summed} FROM ({' UNION ALL '.join(parts)}) GROUP BY ALL"
        for parts in (log, bill)
    ]
    told = ", ".join(f"log.{field} AS log_{field}, bill.{field} AS bill_{field}" for field in FIELDS)
    return f"""
        SELECT coalesce(log.provider, bill.provider) AS provider, coalesce(log.model, bill.model) AS model,
            coalesce(log.period, bill.period) AS period, {told}
        FROM ({sides[0]}) AS log FULL JOIN ({sides[1]}) AS bill
            ON log.provider = bill.provider AND log.model IS NOT DISTINCT FROM bill.model
            AND log.period IS NOT DISTINCT FROM bill.period
        ORDER BY provider, period NULLS LAST, model NULLS LAST"""


def _only(field: str, value: str) -> str:
    kinds = {name: "DECIMAL(38,12)" if name == "cost_usd" else "HUGEINT" for name in FIELDS}
    return ", ".join(f"{value if name == field else 'NULL'}::{kinds[name]} AS {name}" for name in FIELDS)


def _of_kind(field: str) -> str:
    return "record.cost_kind IS NOT DISTINCT FROM seen.kind" if field == "cost_usd" else "true"


def _chosen(connection: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    """Return by provider and measure what is compared: source, kind of cost, and the time that both sides know."""
    found: dict[str, Row] = {}
    for entry in rows(
        connection,
        f"SELECT provider, measure, collector, kind, strftime(since, '{TIME}') AS since, "
        f"strftime(until, '{TIME}') AS until, until > since AS some FROM reconcile_windows ORDER BY ALL",
    ):
        window = {"from": entry["since"], "until": entry["until"]} if entry["some"] else {"from": None, "until": None}
        kind = {} if entry["kind"] is None else {"cost_kind": entry["kind"]}
        found.setdefault(str(entry["provider"]), {})[str(entry["measure"])] = {
            "source": entry["collector"], **kind, **window,
        }  # fmt: skip
    return found


def _added(cells: Iterable[Row]) -> Row:
    """Add up both sides; a sum of nothing known is unknown."""
    whole: Row = {}
    for cell in cells:
        for side in ("log", "bill"):
            for field in FIELDS:
                name = f"{side}_{field}"
                if cell[name] is not None:
                    whole[name] = whole.get(name, 0) + cell[name]
    return {f"{side}_{field}": whole.get(f"{side}_{field}") for side in ("log", "bill") for field in FIELDS}


def _sides_of(cell: Mapping[str, Any]) -> Row:
    told: Row = {"log": {}, "bill": {}, "difference": {}, "coverage": {}}
    for field in FIELDS:
        log, bill = cell[f"log_{field}"], cell[f"bill_{field}"]
        known = log is not None and bill is not None
        told["log"][field] = _figure(field, log)
        told["bill"][field] = _figure(field, bill)
        told["difference"][field] = _figure(field, log - bill) if known else None
        told["coverage"][field] = float(round(Decimal(log) / Decimal(bill), 6)) if known and bill else None
    return told


def _figure(field: str, value: Any) -> int | float | None:
    return exact_usd(value) if field == "cost_usd" else _whole(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _total(providers: Iterable[Row]) -> Row:
    """Return the money of the providers of which both sides know a cost."""
    both = [p for p in providers if p["log"]["cost_usd"] is not None and p["bill"]["cost_usd"] is not None]
    if not both:
        return {"providers": [], "log_usd": None, "bill_usd": None, "difference_usd": None, "coverage": None}
    log, bill = (sum((Decimal(str(p[side]["cost_usd"])) for p in both), Decimal(0)) for side in ("log", "bill"))
    return {
        "providers": [p["provider"] for p in both],
        "log_usd": float(log),
        "bill_usd": float(bill),
        "difference_usd": float(log - bill),
        "coverage": float(round(log / bill, 6)) if bill else None,
    }


def _notes(connection: duckdb.DuckDBPyConnection) -> Iterable[str]:
    """Yield what was not compared, and why."""
    for provider, calls in connection.execute(
        "SELECT provider, sum(n)::HUGEINT FROM reconcile_calls WHERE provider NOT IN "
        "(SELECT provider FROM reconcile_windows) GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        yield f"{provider}: {calls:,} calls in the log, and no usage record to hold them against"
    for provider, measure in connection.execute(
        "SELECT provider, measure FROM reconcile_windows WHERE until <= since ORDER BY ALL"
    ).fetchall():
        yield f"{provider}: log and bill have no time in common for {measure}"
    for provider, measure, outside, since, until in connection.execute(f"""
        SELECT provider, measure, sum(n)::HUGEINT, strftime(any_value(since), '{TIME}'),
            strftime(any_value(until), '{TIME}')
        FROM reconcile_calls JOIN reconcile_windows USING (provider)
        WHERE until > since AND (ts < since OR ts >= until) GROUP BY ALL ORDER BY ALL""").fetchall():
        yield f"{provider}: {outside:,} calls lie outside {since} to {until}, for which the bill tells of {measure}"
    for provider, measure, outside in connection.execute(f"""
        SELECT record.provider, measure, count(*) FROM reconcile_records AS record
        JOIN reconcile_windows AS seen ON record.provider = seen.provider AND record.collector = seen.collector
            AND CASE measure {" ".join(f"WHEN '{m}' THEN {c}" for m, c in MEASURES.items())} END
            AND (measure <> 'cost' OR record.cost_kind IS NOT DISTINCT FROM seen.kind)
        WHERE until > since AND (period_start < since OR period_end > until) GROUP BY ALL ORDER BY ALL""").fetchall():
        noun = "record lies" if outside == 1 else "records lie"
        yield f"{provider}: {outside:,} {noun} outside the log's time, not compared for {measure}"
    edges = row(
        connection,
        f"SELECT strftime(min(ts), '{TIME}') AS first, strftime(max(ts), '{TIME}') AS last, "
        "date_diff('minute', date_trunc('day', min(ts)), min(ts)) > 60 AS late, "
        "date_diff('minute', max(ts), date_trunc('day', max(ts)) + INTERVAL 1 DAY) > 60 AS early FROM reconcile_calls",
    )
    if edges["late"]:
        yield f"the log begins at {edges['first']}: its first day may be incomplete"
    if edges["early"]:
        yield f"the log ends at {edges['last']}: its last day may be incomplete"
    for provider, measure, collector, kind in connection.execute(
        "SELECT provider, measure, collector, kind FROM reconcile_offers WHERE NOT chosen ORDER BY ALL"
    ).fetchall():
        named = f"{kind} cost" if kind else measure
        yield f"{provider}: {named} of {collector} left out, since another source tells the same"
    for provider, currency, count in connection.execute(
        "SELECT provider, upper(currency), count(*) FROM reconcile_records WHERE upper(currency) <> 'USD' "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        yield f"{provider}: {count:,} records have their cost in {currency}; only USD is compared"
